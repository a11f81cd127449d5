"""The commands: flags -> settings -> one call. train/*.py start them."""
