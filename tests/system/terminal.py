#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a command on a terminal of its own and says what a person would have seen.

usage: terminal.py COLUMNSxROWS[,SECONDS:COLUMNSxROWS|,SECONDS:SIGNAL...] COMMAND...

The terminal knows just what Kiln may say to one: text, CR, LF, CSI A (up), J (erase below), K (erase
to the right), m (weights); anything else is an error. It breaks long lines again when it becomes
narrower, as terminals do. Prints "screen" and its lines whenever something was written, and at the end
"escapes: ..." (kinds of sequences that came) and "exit: N".
"""
import fcntl, os, pty, re, select, signal, struct, sys, termios, time


class Terminal:
    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines, self.row, self.col = [""], 0, 0  # physical lines; all that scrolled out, too
        self.broken = [False]  # a line that goes on in the next
        self.kinds, self.rest = set(), ""

    def line(self, row):
        while len(self.lines) <= row:
            self.lines.append("")
            self.broken.append(False)

    def put(self, c):
        if self.col == self.columns:
            self.broken[self.row] = True
            self.row, self.col = self.row + 1, 0
            self.line(self.row)
        text = self.lines[self.row].ljust(self.col)
        self.lines[self.row] = text[: self.col] + c + text[self.col + 1 :]
        self.col += 1

    def control(self, args, kind):
        self.kinds.add(kind)
        n = int(args or 0)
        if kind == "A":  # not beyond the first line of the screen
            self.row = max(self.row - max(n, 1), len(self.lines) - self.rows, 0)
        elif kind == "J" and n == 0:
            self.control("", "K")
            del self.lines[self.row + 1 :], self.broken[self.row + 1 :]
        elif kind == "K" and n == 0:
            self.lines[self.row] = self.lines[self.row][: self.col]
            self.broken[self.row] = False
        elif kind != "m":
            sys.exit(f"terminal.py: unknown sequence CSI {args} {kind}")

    def feed(self, text):
        text, self.rest = self.rest + text, ""
        while text:
            m = re.match(r"\x1b\[([0-9;]*)([@-~])", text)
            if m:
                self.control(m[1], m[2])
                text = text[m.end() :]
                continue
            if text[0] == "\x1b":
                if len(text) > 20:
                    sys.exit(f"terminal.py: not a sequence: {text[:20]!r}")
                self.rest = text
                return
            if text[0] == "\r":
                self.col = 0
            elif text[0] == "\n":
                self.row += 1
                self.line(self.row)
            elif text[0] >= " ":
                self.put(text[0])
            text = text[1:]

    def resize(self, columns, rows):
        """Lines are joined and broken anew; the cursor stays at its letter."""
        whole, at = [""], None
        for i, text in enumerate(self.lines):
            if i == self.row:
                at = (len(whole) - 1, len(whole[-1]) + self.col)
            whole[-1] += text
            if not self.broken[i] and i + 1 < len(self.lines):
                whole.append("")
        self.columns, self.rows, self.lines, self.broken = columns, rows, [], []
        for i, text in enumerate(whole):
            if i == at[0]:
                self.row, self.col = len(self.lines) + max(at[1] - 1, 0) // columns, at[1]
                self.col -= columns * (max(at[1] - 1, 0) // columns)
            while True:
                self.lines.append(text[:columns])
                text = text[columns:]
                self.broken.append(bool(text))
                if not text:
                    break

    def screen(self):
        return "\n".join(x.rstrip() for x in self.lines[-self.rows :])


def main():
    sizes = []
    for word in sys.argv[1].split(","):
        at, _, size = word.rpartition(":")
        sizes.append((float(at or 0), size))
    terminal = Terminal(*map(int, sizes.pop(0)[1].split("x")))
    pid, fd = pty.fork()
    if pid == 0:
        # Until the size is set.
        time.sleep(0.2)
        os.execvp(sys.argv[2], sys.argv[2:])

    def set_size():
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", terminal.rows, terminal.columns, 0, 0))

    set_size()
    begun = time.monotonic()
    while True:
        ready, _, _ = select.select([fd], [], [], 0.05)
        # What is under way was written for the old size: it is read before.
        if not ready and sizes and time.monotonic() - begun >= sizes[0][0]:
            word = sizes.pop(0)[1]
            if word.isalpha():
                os.kill(pid, getattr(signal, "SIG" + word))
                continue
            terminal.resize(*map(int, word.split("x")))
            set_size()
            print(f"size {terminal.columns}x{terminal.rows}")
        if not ready:
            continue
        # One write may reach us in pieces, which nobody would see one by one.
        for pieces in range(50):
            try:
                data = os.read(fd, 1 << 20)
            except OSError:
                data = b""
            terminal.feed(data.decode("utf-8", "replace"))
            if not data or not select.select([fd], [], [], 0.02)[0]:
                break
        if data or pieces:
            print("screen")
            print(terminal.screen())
        if not data:
            break
    print("escapes:", "".join(sorted(terminal.kinds)))
    print("exit:", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


main()
