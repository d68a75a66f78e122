"""One kind of photograph's file in each module: how it is read, and how its metadata get into the new one."""
