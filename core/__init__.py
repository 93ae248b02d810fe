"""What a genre is and how it is learned: no threads, no watching, no clock."""
