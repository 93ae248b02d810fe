"""The recipe of an ensemble: how it is trained, each number with why it is what it is."""

from dataclasses import dataclass

__all__ = ["Recipe"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to train; the values were chosen on inner folds of training artists."""

    seed: int = 1
    epochs: int = 100  # at most; training stops when held-out artists gain nothing more
    batch_size: int = 32
    members: int = 3  # transformers, each with another part of the artists held out
    folds: int = 5  # for the out-of-fold predictions
    patience: int = 8  # epochs without gain before it stops; half of it before it slows down
    kinds: tuple[str, ...] = ("transformer", "linear", "embedding")  # that may be members
    draws: int = 2  # segments of each track in an epoch, so that long tracks do not dominate
    epoch_rows: int = 4000  # of them at most: of many tracks each epoch sees some, drawn anew
    rate: float = 1e-3  # AdamW's first learning rate
    decay: float = 0.05  # AdamW's weight decay
    smoothing: float = 0.1  # of labels, about one in ten of which is contestable
    mixup: float = 0.3  # Beta(a, a) of the mixing share (Zhang et al. 2018)
    linear_c: float = 0.02  # inverse strength of the plain member's L2 penalty
    statistics_c: float = 0.03  # that of the member on a track's mean and spread
    head_c: float = 0.005  # that of the head on the embedding; on inner folds better than .01
    dropped: float = 0.2  # share of a track's segments that nets over them do not see
    averaged: float = 0.97  # of their mean weights, what stays at each step
    # Of a replayed track's label, what the model before says of it (Hinton et al. 2015). Wrong
    # answers on the collection's artists held out fell from 23.8 to 22.2 in 100, those on artists
    # of the library not met stayed (17.8 and 17.7; 20 simulated libraries, linear head).
    taught: float = 0.5
    prior: float = 1.0  # logits that one standard deviation of a genre's tags is taken for
