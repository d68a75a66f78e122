"""What a folder holds."""


def files(folder):
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def snapshot(folder):
    return {name: (path.read_bytes(), path.stat().st_mtime_ns) for name, path in files(folder).items()}
