"""captiond as a systemd service of this machine: its unit, user, folders and configuration put in place, and taken away.

`layout` says where everything lies, `units` what the files say, `plan` what is to be done, `steps` how it is done. The
same plan is shown by a dry run. Users are made by systemd-sysusers and folders by systemd-tmpfiles, which every
distribution with systemd has: useradd, adduser and the path of nologin differ among them.
"""
