"""The database: its tables, how it is opened and migrated, and the SQL that is about no single stage.

    engine        the open database: one writer, many readers
    connections   plain connections, and SQLite's complaints in clear words (problems)
    schema        which schema a file has, and to the present one (migrate, tables, views)
    copying       copies while it is in use (backups: one each night; parts: what a crash left of one)
    salvage       what a damaged one still tells

The others hold the SQL on one table or one question each.
"""
