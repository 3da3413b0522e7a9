"""The science of VITask Studio: works alone, with no server, from the command line."""
