"""`mxtrain doctor`: finds out before a job why it would not start."""
