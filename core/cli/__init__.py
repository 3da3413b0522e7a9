"""The commands: one file each, with `add(commands)` to register its arguments and functions that do it."""
