package launch

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/hashicorp/go-hclog"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protowire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logged returns what a log makes of foreign output.
func logged(text string, options *hclog.LoggerOptions) (string, *tail) {
	var b bytes.Buffer
	options.Output, options.Level = &b, hclog.Trace
	last := new(tail)
	l := newLineLog(hclog.New(options), nil, last, hclog.Info, "")
	readLines(strings.NewReader(text), l.line)
	l.close()
	return b.String(), last
}

func TestEntriesOfHclogArePassedOn(t *testing.T) {
	got, last := logged(`{"@level":"warn","@message":"slow disk","@module":"runner","@timestamp":"x","run":"a-b-1","ms":12,"list":[1,"a"]}`+"\n",
		&hclog.LoggerOptions{DisableTime: true})
	if want := `[WARN]  slow disk: module=runner list="[1,\"a\"]" ms=12 run=a-b-1` + "\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if want := `[WARN] slow disk module=runner list=[1,"a"] ms=12 run=a-b-1`; last.String() != want {
		t.Errorf("last words %q, want %q", last, want)
	}
}

func TestPlainLinesGetALevel(t *testing.T) {
	got, _ := logged("hello\n[ERROR] bad\r\npanic: oh\ngoroutine 1 [running]:\n\n{\"@level\":\"info\",\"@message\":\"m\"}\nafter\n",
		&hclog.LoggerOptions{DisableTime: true})
	want := "[INFO]  hello\n[ERROR] [ERROR] bad\n[ERROR] panic: oh\n[ERROR] goroutine 1 [running]:\n[INFO]  m\n[INFO]  after\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestLinesAreCutEscapedAndLimited(t *testing.T) {
	got, _ := logged("\x1b[31mred\x00\u202e\xff\u2028\n"+strings.Repeat("x", 3*maxLine)+"\n", &hclog.LoggerOptions{DisableTime: true})
	if strings.ContainsAny(got, "\x1b\x00\u202e\u2028") || !utf8.ValidString(got) {
		t.Errorf("control characters came through: %q", got[:100])
	}
	if !strings.Contains(got, "cut=16384") || len(got) > maxLine {
		t.Errorf("a long line has become %d bytes", len(got))
	}
	begin := time.Now()
	flood, last := logged(strings.Repeat("line\n", 50_000)+"the end\n", &hclog.LoggerOptions{DisableTime: true})
	took := time.Since(begin)
	if n := strings.Count(flood, "\n"); n > logBurst+int((took.Seconds()+2)*logRate) {
		t.Errorf("%d of 50000 lines came through in %v", n, took)
	}
	if !strings.Contains(flood, "lines were dropped") || !strings.HasSuffix(last.String(), "the end") {
		t.Errorf("a flood ends with %q, last words %q", flood[len(flood)-100:], last.String()[:20])
	}
}

func TestTailIsBounded(t *testing.T) {
	var last tail
	for range 1000 {
		last.add(strings.Repeat("x", 100))
	}
	last.add("end")
	if s := last.String(); len(s) > maxTail || !strings.HasSuffix(s, "\nend") {
		t.Errorf("%d bytes, ending in %q", len(s), s[max(0, len(s)-10):])
	}
}

func TestHandshakeIsStrict(t *testing.T) {
	dir := t.TempDir()
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(socket, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"1|1|unix|" + socket + "|grpc|", "1|1|unix|" + socket + "|grpc", " 1|1|unix|" + socket + "|grpc||true\r",
	} {
		if got, err := parseHandshake(line, dir); err != nil || got != socket {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{
		"", "|", "hello", "1|1|unix|" + socket, "2|1|unix|" + socket + "|grpc|", "1|2|unix|" + socket + "|grpc|",
		"x|1|unix|" + socket + "|grpc|", "1|1|tcp|127.0.0.1:1|grpc|", "1|1|unix|" + socket + "|netrpc|",
		"1|1|unix|" + socket + "|grpc|MIIB", "1|1|unix|" + sub + "|grpc|", "1|1|unix|" + dir + "/link|grpc|",
		"1|1|unix|" + dir + "/none|grpc|", "1|1|unix|" + sub + "/../s|grpc|", "1|1|unix|s|grpc|", "1|1|unix||grpc|",
		"1|1|unix|@s|grpc|", "1|1|unix|" + dir + "/" + strings.Repeat("x", 200) + "|grpc|", "1|1|unix|" + socket + "\x00|grpc|",
	} {
		if got, err := parseHandshake(line, dir); err == nil {
			t.Errorf("%q was taken for %q", line, got)
		} else if !errors.Is(err, ErrHandshake) || len(err.Error()) > 1024 || strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Errorf("%q: error %q", line, err)
		}
	}
}

func TestStdioMessagesAreTakenApart(t *testing.T) {
	m := protowire.AppendTag(nil, 1, protowire.VarintType)
	m = protowire.AppendVarint(m, 1)
	m = protowire.AppendTag(m, 2, protowire.BytesType)
	m = protowire.AppendBytes(m, []byte("hello"))
	if got := stdioData(m); string(got) != "hello" {
		t.Errorf("got %q", got)
	}
	for i := range m {
		stdioData(m[:i]) // must not fail
	}
}

func TestLaterVariablesWin(t *testing.T) {
	got := lastWins([]string{"A=1", "B=2", "A=3", "C"})
	if want := "B=2 A=3 C"; strings.Join(got, " ") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStartThatCannotExecuteLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "launch")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), t.Context(), Config{
		Path: "/no/such/program", Dir: dir, Timeout: 10 * time.Second, FenceRetry: time.Second, Log: hclog.NewNullLogger(),
	})
	var failed *StartError
	if !errors.As(err, &failed) || !errors.Is(err, os.ErrNotExist) || failed.Hint == "" {
		t.Errorf("error %v, want a StartError with a hint", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the launch directory is still there: %v", err)
	}
}

func FuzzLines(f *testing.F) {
	for _, seed := range []string{
		`{"@message":5}`, `{"@message":"a","@level":"info"}`, `{"@message":"a","@level":"info","k":{"a":[1]}}`, "panic: x", "\x1b[2J",
		"[WARN] x", "\xff\xfe", `{"@level":"error","@message":"` + strings.Repeat("x", 9000) + `"}`, "\r\n\r\n", `{"@message":null}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var out bytes.Buffer
		last := new(tail)
		l := newLineLog(hclog.New(&hclog.LoggerOptions{Output: &out, Level: hclog.Trace, JSONFormat: true}), nil, last, hclog.Info, "s")
		readLines(io.MultiReader(iotest.HalfReader(bytes.NewReader(b)), iotest.ErrReader(io.ErrUnexpectedEOF)), l.line)
		l.close()
		for _, text := range []string{out.String(), last.String()} {
			if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
				t.Errorf("%q has become %q", b, text)
			}
		}
		if n := strings.Count(out.String(), "\n"); n > bytes.Count(b, []byte("\n"))+2 {
			t.Errorf("%d lines have become %d", bytes.Count(b, []byte("\n")), n)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	dir := f.TempDir()
	for _, seed := range []string{
		"1|1|unix|/x|grpc|", "1|1|tcp|1.2.3.4:5|grpc|", "1|1|unix|" + dir + "/s|grpc|cert|true", "||||||", "1|1|unix|" + dir + "|grpc|",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got, err := parseHandshake(line, dir)
		if err == nil {
			t.Errorf("%q was taken for %q, but there is no socket", line, got)
		} else if len(err.Error()) > 2048 || strings.ContainsFunc(err.Error(), unicode.IsControl) {
			t.Errorf("%q: error %q", line, err)
		}
	})
}

func FuzzStdio(f *testing.F) {
	f.Add([]byte("\x08\x01\x12\x05hello"))
	f.Fuzz(func(_ *testing.T, b []byte) { stdioData(b) })
}
