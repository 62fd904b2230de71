"""Who holds the parameters and who coordinates: the parameter server and the scheduler."""
