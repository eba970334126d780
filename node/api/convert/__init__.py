"""Our records as messages of the API: nothing here reads the store or decides anything."""
