"""The commands: flags -> settings -> one call. `icell` starts them, and so do train/*.py."""
