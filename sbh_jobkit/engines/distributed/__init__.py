"""Workers on any number of machines: Procrastinate, on the PostgreSQL of the store, brings rows to them."""
