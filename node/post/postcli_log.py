"""The log that postcli writes while it initialises."""

from typing import Protocol

from node.post.files import data_file_name
from node.post.init_options import InitOptions
from node.post.init_plan import (
    FileFound,
    NonceFound,
    Output,
    RemoveFile,
    SaveMetadata,
    ShortenFile,
    SyncFile,
)


class Log(Protocol):
    """Writes a line of the log."""

    def __call__(self, level: str, message: str, **facts: str | int) -> None:
        """Write a message with its facts."""
        ...


class InitLog:
    """Turns what happens in an initialisation into the Go program's log."""

    def __init__(self, log: Log, directory: str, options: InitOptions) -> None:
        self.is_created = False
        self._log = log
        self._directory = directory
        self._options = options

    def tell_created(self) -> None:
        """Tell what is going to be done, once the directory is known to be the space's."""
        self.is_created = True
        options, layout, log = self._options, self._options.layout, self._log
        log(
            "info",
            "initialization started",
            datadir=self._directory,
            numUnits=options.num_units,
            maxFileSize=options.max_file_size,
            labelsPerUnit=options.labels_per_unit,
        )
        last = layout.num_files - 1 if options.to_file is None else options.to_file
        log(
            "info",
            "initialization file layout",
            labelsPerFile=layout.labels_per_file,
            labelsLastFile=layout.labels_in(last),
            firstFileIndex=options.from_file,
            lastFileIndex=last,
        )

    def on_event(self, event: Output) -> None:
        """Tell one event of a run."""
        log = self._log
        match event:
            case SaveMetadata():
                if not self.is_created:
                    self.tell_created()
            case RemoveFile(file):
                log("info", "removing redundant file", fileName=data_file_name(file))
            case ShortenFile(file, num_labels):
                log("info", "initialization: truncating file", fileIndex=file, labels=num_labels)
            case FileFound(file, num_labels, target, first_label):
                text = "file already initialized" if event.is_complete else "starting to write file"
                log(
                    "info",
                    f"initialization: {text}",
                    fileIndex=file,
                    currentNumLabels=num_labels,
                    targetNumLabels=target,
                    startPosition=first_label,
                )
            case NonceFound(file, nonce, value):
                log(
                    "info",
                    "initialization: found new best nonce",
                    fileIndex=file,
                    nonce=nonce,
                    value=value.hex(),
                )
            case SyncFile(file, num_labels):
                log(
                    "info",
                    "initialization: completed",
                    fileIndex=file,
                    numLabelsWritten=num_labels,
                )
