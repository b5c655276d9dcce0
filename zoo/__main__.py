"""``python -m zoo``: the command line, also where the folder of scripts is not in PATH."""

from zoo_cli.main import main

if __name__ == "__main__":
    main()
