# SPDX-License-Identifier: BSD-2-Clause
"""Keys as terminals send them: whole, in pieces, late, pasted, in floods, and sequences nobody
knows; before a fake server whose numbers never rest (tests/tui/fake_server.c)."""

import re
import time

from harness import main, wait_until
from harness.dashboard import FakeCase
from harness.server import PATIENCE
from harness.tap import skip_without


class Keys(FakeCase):
    def test_pastes_change_nothing(self):
        for pasted in (b"R\ny\n", b"R\ry\r", b"+\r", b"w9\r", b"\x1b[A+\r", b"-\n\n", b"D\ry\r", b"q"):
            with self.subTest(pasted=pasted):
                t = self.shown()
                mark = t.mark()
                t.write(b"\x1b[200~" + pasted + b"\x1b[201~")
                t.wait_text("paste ignored", since=mark)
                # The same, cut where a line may cut it.
                mark = t.mark()
                for piece in (b"\x1b[20", b"0~" + pasted[:1], pasted[1:], b"\x1b[2", b"01~"):
                    t.write(piece)
                    time.sleep(0.02)
                self.assertIsNone(t.process.poll())
                t.write(b"q")
                self.assertEqual(t.end(), 0)
        self.assertEqual(self.fake.wanted(), 8)

    @skip_without("tmux")
    def test_floods_change_nothing(self):
        """A paste on a terminal that does not mark it."""
        s = self.screen()
        s.wait("8/8")
        s.raw(b"R\ry\r")
        s.raw(b"some text + with a plus\r w12\r and a line end\r")
        s.wait(lambda t: "ignored" in t)
        time.sleep(0.2)
        self.assertEqual(self.fake.wanted(), 8)

    UNKNOWN = (b"\x1b[57;5u", b"\x1b[43u", b"\x1b[43;1:1u", b"\x1b[25~", b"\x1b[1;2P", b"\x1bO2P",
               b"\x1b[1;5A", b"\x1b[1;3D", b"\x1bO5A", b"\x1b[5;5~", b"\x1b[<0;10;12M", b"\x1b[M R+",
               b"\x1b[?62;1;6c", b"\x1b[12;40R", b"\x1b]11;rgb:0000/0000/0000\x07", b"\x1bP>|x(1)w9\r\x1b\\",
               b"\x1b[I", b"\x1b[O", b"\x1b[27;5;13~", b"\x1bw", b"\x1b+", b"\xc3\x28", b"\xff\x80")

    @skip_without("tmux")
    def test_unknown_sequences_trigger_nothing(self):
        s = self.screen("-d", "60", "--color", "never")
        s.wait("8/8")
        s.keys("j")
        s.keys("j")
        place = lambda: [re.sub(r"[0-9.]+[a-z]*\s", "", l[:12]) for l in s.lines() if re.search(r"^.?>", l[:3])]
        wait_until(place, 5, "a selected row")
        before = place()
        for sequence in self.UNKNOWN:
            s.raw(sequence)
        # In pieces 200 ms apart: an Esc comes out of it at most, and that only goes back.
        for sequence in (b"\x1b[C", b"\x1b[57;5u"):
            for i in range(len(sequence)):
                begun = time.monotonic()
                s.raw(sequence[i:i + 1])
                time.sleep(max(0, begun + 0.2 - time.monotonic()))
        text = s.text()
        self.assertIn("8/8", text)
        self.assertNotIn("->", text)
        self.assertEqual(self.fake.wanted(), 8)
        for sequence in self.UNKNOWN:
            s.raw(sequence)
        self.assertNotIn("->", s.text())
        self.assertEqual(self.fake.wanted(), 8)
        self.assertEqual(len(before), 1)
        # And it still listens.
        s.keys("?")
        s.wait("weirtop help")
        s.keys("q")
        s.wait("EXIT=0")

    def test_a_split_arrow_does_not_leave_its_letter(self):
        """ESC [ D with 200 ms between: D would be a command."""
        t = self.shown()
        for final in (b"A", b"B", b"C", b"D", b"R", b"S"):
            for piece in (b"\x1b", b"[", final):
                t.write(piece)
                time.sleep(0.2)
        self.assertNotIn("?  [", t.text())
        t.write(b"q")
        self.assertEqual(t.end(), 0)
        self.assertEqual(self.fake.wanted(), 8)

    def test_esc_is_quick(self):
        """The best of some tries: what the program waits for, not what the machine is busy with."""
        t = self.shown("-d", "60")
        best = 9.0
        for _ in range(12):
            t.quiet(0.05)
            mark = t.mark()
            t.write(b"?")
            t.wait_text("help", since=mark)
            t.quiet(0.05)
            mark = t.mark()
            start = time.monotonic()
            t.write(b"\x1b")
            t.wait(lambda b: b != b"", since=mark)
            best = min(best, t.chunks[mark][0] - start)
        self.assertLess(best, 0.030 * PATIENCE)

    @skip_without("tmux")
    def test_arrows_over_a_slow_line(self):
        """Whole ones that come late, and, over ssh, ones cut by less than the delay of Esc."""
        s = self.screen("--color", "never", env={"SSH_CONNECTION": "127.0.0.1"})
        s.wait("8/8")

        def selected():
            return next((int(m.group(1)) for m in (re.match(r".?>.? *(\d+) ", l) for l in s.lines()) if m), None)

        s.keys("g")
        wait_until(selected, 5, "a selected row")
        order, units = [], ["bytes", "bits"]
        for pieces in ((b"\x1b[B",), (b"\x1b", b"[B"), (b"\x1b[", b"B"), (b"\x1b", b"[", b"B")):
            before = selected()

            def moves():
                """In one of some tries: a tmux that has to wait for its turn cuts by more than the delay of Esc."""
                for i, piece in enumerate(pieces):
                    if i:
                        time.sleep(0.05)
                    s.raw(piece)
                s.keys("u")  # tells when they were taken
                units.reverse()
                s.wait(units[0] + " per second")
                return selected() not in (None, before)

            wait_until(moves, 10, f"the row to move by {pieces}")
            order.append(selected())
        self.assertEqual(len(set(order)), 4)


if __name__ == "__main__":
    main()
