"""Raw data: tables, folders of pictures, and the inputs that people name on a command line."""
