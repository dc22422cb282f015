"""`python -m sslcli` is `ssl`."""

from sslcli.cli.app import main

if __name__ == "__main__":
    main()
