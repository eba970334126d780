"""Generated protobuf types of the API; scripts/gen_api.py makes them from scripts/proto."""
