"""The page, and the API that it and other programs use: served to this computer, or to devices that were paired."""
