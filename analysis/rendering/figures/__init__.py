"""The pictures, a file each. `collection.figures` draws all that the logs have figures for."""
