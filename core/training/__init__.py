"""One loop for all methods: stages, losses, checkpoints, and the contract of a method."""
