"""Every error that the program raises on purpose, light enough for any process.

    GenrewatchError
    ├── ConfigError          the configuration or the command line is wrong (exit 2)
    ├── AudioError           the file cannot be heard
    │   └── AudioDelayed     it could not be read now (I/O error, network away)
    ├── TagError             the tag cannot be read
    │   └── UntaggableFile   this kind of file has no place for a genre
    ├── WriteError           the tag was not written, the file is as before
    │   ├── WriteDelayed     it could not be written now (full disk, I/O error, file in use)
    │   ├── WriteRefused     writing would break a rule (hard link, changed meanwhile, …)
    │   │   └── WriteUnderWay  another write of the same file has not ended
    │   └── VerifyFailed     the changed copy was not what it must be
    ├── ModelError           a model folder is damaged or does not fit
    ├── TrainingError        training cannot start or did not work out
    ├── LibraryError         the record cannot be opened or is busy
    │   └── FolderHeld       another process watches the folder, with a record of its own
    ├── WorkerError          a worker died or took too long
    └── ServiceError         launchd or systemd refused

An error carries what went wrong, the file concerned and what the user can do;
`str(error)` is the one sentence that the user reads. All of them survive pickling,
since workers hand them to the daemon.
"""

__all__ = [
    "AudioDelayed",
    "AudioError",
    "ConfigError",
    "FolderHeld",
    "GenrewatchError",
    "LibraryError",
    "ModelError",
    "ServiceError",
    "TagError",
    "TrainingError",
    "UntaggableFile",
    "VerifyFailed",
    "WorkerError",
    "WriteDelayed",
    "WriteError",
    "WriteRefused",
    "WriteUnderWay",
]


class GenrewatchError(Exception):
    """Root of all errors that are told to the user in one sentence."""

    exit_code = 1

    def __init__(self, what: str, path: str | None = None, remedy: str | None = None) -> None:
        super().__init__(what, path, remedy)
        self.what = what
        self.path = path
        self.remedy = remedy

    @property
    def reason(self) -> str:
        """What went wrong and the remedy, without the path (for lists that name it)."""
        return f"{self.what}; {self.remedy}" if self.remedy else self.what

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" if self.path else self.reason


class ConfigError(GenrewatchError):
    """The configuration or the command line is wrong."""

    exit_code = 2


class AudioError(GenrewatchError):
    """The file cannot be heard: damaged, empty, not audio."""


class AudioDelayed(AudioError):
    """It could not be read now; a later try may work."""


class TagError(GenrewatchError):
    """The tag cannot be read; this is never taken for an empty tag."""


class UntaggableFile(TagError):
    """This kind of file has no place for a genre that we can write."""


class WriteError(GenrewatchError):
    """The tag was not written; the file is as before."""


class WriteDelayed(WriteError):
    """It could not be written now; the file is as before, and a later try may work."""


class WriteRefused(WriteError):
    """Writing would break a rule, so nothing was changed."""


class WriteUnderWay(WriteRefused):
    """Another write of the same file has not ended; what becomes of it is not known yet."""


class VerifyFailed(WriteError):
    """The changed copy was not what it must be, so it was thrown away."""


class ModelError(GenrewatchError):
    """A model folder is damaged or does not fit this program."""


class TrainingError(GenrewatchError):
    """Training cannot start or did not work out; the model in use stays."""


class LibraryError(GenrewatchError):
    """The record cannot be opened, is busy, or is from a newer version."""


class FolderHeld(LibraryError):
    """Another process watches the folder, with a record of its own."""


class WorkerError(GenrewatchError):
    """A worker died or took too long; only its file is set aside."""


class ServiceError(GenrewatchError):
    """The service manager refused."""
