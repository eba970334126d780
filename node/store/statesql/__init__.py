"""The reference's SQLite files ``state.sql`` and ``local.sql``: read, and import.

Inputs: a file that a go-spacemesh 1.7 node wrote (schema 25, or 9 for local.sql).
Outputs: typed rows, table by table; the same facts in our databases.

Each table is declared once, as columns with their forms, and that declaration both reads
a row and writes it back: the recorded dumps are compared both ways.

Source: go-spacemesh, sql/schema; node digest section 7.
"""
