"""The database: its tables, how it is opened and migrated, and the SQL that is about no single stage."""
