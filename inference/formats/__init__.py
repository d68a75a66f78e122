"""One kind of photograph's file in each module: how it is read, and how what belongs to it gets into the new one."""
