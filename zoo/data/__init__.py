"""Raw data: tables, folders of images, and the inputs named on a command line."""
