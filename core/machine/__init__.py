"""What a process may take of the machine it runs on: memory, processor, folders; and the programs that come with it."""
