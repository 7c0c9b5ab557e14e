"""SQLite: tables, migrations, the journal and what is derived from it. Only services open a transaction."""
