"""`mxtrain status`: what a running job looks like."""
