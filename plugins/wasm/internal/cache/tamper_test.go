package cache

import (
	"bytes"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/soltihq/solti-host/plugins/wasm/internal/private"
)

var (
	native = bytes.Repeat([]byte("native code "), 1000)
	other  = bytes.Repeat([]byte("other code! "), 1000)
)

// tampering is what can be done to the file of key a, while b has one too.
func tampering(t *testing.T) map[string]func(a, b string) {
	at := func(n int) func(string, string) {
		return func(a, _ string) {
			rewrite(t, a, func(d []byte) []byte {
				d[(n+len(d))%len(d)] ^= 1
				return d
			})
		}
	}
	cut := func(n int) func(string, string) {
		return func(a, _ string) { rewrite(t, a, func(d []byte) []byte { return d[:(n+len(d))%len(d)] }) }
	}
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	h, err := header{
		Kind: code, Key: keyOf("a").String(), Name: entryName, Size: int64(len(native)), ShellName: shellName, Shell: int64(len(shellOf(native))),
	}.prefix()
	do(err)
	inCode := len(h) + len(native) // where the shell begins
	set := map[string]func(a, b string){
		"bit flip in the magic": at(0), "bit flip in the length": at(len(magic)), "bit flip in the header": at(prefixLen + 30),
		"bit flip in the code": at(2000), "bit flip in the last byte of the shell": at(-33), "bit flip in the authentication": at(-1),
		"cut to nothing": cut(0), "cut in the magic": cut(5), "cut in the header": cut(60), "cut in the code": cut(2000),
		"bit flip in the last byte of the code": at(inCode - 1), "bit flip in the first byte of the shell": at(inCode),
		"bit flip in the shell": at(inCode + 1500), "cut before the shell": cut(inCode), "cut in the shell": cut(-100),
		"cut in the authentication": cut(-3), "cut by the authentication": cut(-32),
		"longer": func(a, _ string) { rewrite(t, a, func(d []byte) []byte { return append(d, 0) }) },
		"swap": func(a, b string) {
			do(errors.Join(os.Rename(a, a+".x"), os.Rename(b, a), os.Rename(a+".x", b)))
		},
		"shell of another": func(a, b string) {
			text, err := os.ReadFile(b)
			do(err)
			rewrite(t, a, func(d []byte) []byte { copy(d[inCode:len(d)-32], text[inCode:]); return d })
		},
		"code of another": func(a, b string) {
			text, err := os.ReadFile(b)
			do(err)
			rewrite(t, a, func(d []byte) []byte { copy(d[len(h):inCode], text[len(h):]); return d })
		},
		"without its shell": func(a, _ string) {
			rewrite(t, a, func(d []byte) []byte { return append(d[:inCode], d[len(d)-32:]...) })
		},
		"without its shell, as the header says": func(a, _ string) {
			rewrite(t, a, func(d []byte) []byte {
				h, err := header{Kind: code, Key: keyOf("a").String(), Name: entryName, Size: int64(len(native))}.prefix()
				do(err)
				return slices.Concat(h, native, d[len(d)-32:])
			})
		},
		"border between code and shell moved": func(a, _ string) {
			rewrite(t, a, func(d []byte) []byte {
				h, err := header{
					Kind: code, Key: keyOf("a").String(), Name: entryName, Size: int64(len(native)) + 9, ShellName: shellName, Shell: int64(len(shellOf(native))) - 9,
				}.prefix()
				do(err)
				return append(h, d[len(h):]...)
			})
		},
		"names swapped": func(a, _ string) {
			rewrite(t, a, func(d []byte) []byte {
				d = bytes.Replace(d, []byte(entryName), []byte("x"), 1)
				d = bytes.Replace(d, []byte(shellName), []byte(entryName), 1)
				return bytes.Replace(d, []byte(`"x"`), []byte(`"`+shellName+`"`), 1)
			})
		},
		"copy of another": func(a, b string) {
			text, err := os.ReadFile(b)
			do(err)
			rewrite(t, a, func([]byte) []byte { return text })
		},
		"checksum recomputed, as wazero's own": func(a, _ string) {
			rewrite(t, a, func(d []byte) []byte {
				body := d[:len(d)-32]
				body[2000] ^= 1
				sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
				return append(body, bytes.Repeat([]byte{byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24)}, 8)...)
			})
		},
		"made with another secret": func(a, _ string) { forge(t, a, [32]byte{9}, keyOf("a"), native) },
		"made for another wazero": func(a, _ string) {
			k := keyOf("a")
			k.Wazero = "v1.11.0"
			forge(t, a, secret, k, native)
		},
		"made as a note":        func(a, _ string) { rewrite(t, a, asNote) },
		"larger than any":       func(a, _ string) { do(errors.Join(os.Chmod(a, 0o600), os.Truncate(a, 1<<40), os.Chmod(a, 0o400))) },
		"open to others":        func(a, _ string) { do(os.Chmod(a, 0o444)) },
		"writable by the group": func(a, _ string) { do(os.Chmod(a, 0o660)) },
		"symbolic link": func(a, _ string) {
			do(errors.Join(os.Rename(a, a+".x"), os.Symlink(a+".x", a)))
		},
		"pipe":      func(a, _ string) { do(errors.Join(os.Remove(a), unix.Mkfifo(a, 0o600))) },
		"directory": func(a, _ string) { do(errors.Join(os.Remove(a), os.Mkdir(a, 0o700), os.WriteFile(a+"/x", nil, 0o600))) },
	}
	if os.Geteuid() == 0 {
		set["of another owner"] = func(a, _ string) { do(os.Chown(a, 12345, -1)) }
	}
	return set
}

func asNote(d []byte) []byte {
	return bytes.Replace(d, []byte(`"kind":"code"`), []byte(`"kind":"note"`), 1)
}

// forge makes a file as a cache with that secret would.
func forge(t *testing.T, path string, secret [32]byte, k Key, data []byte) {
	t.Helper()
	dir := t.TempDir()
	c, err := Open(filepath.Join(dir, "c"), secret, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	put(t, c, k, data)
	text, err := os.ReadFile(filepath.Join(dir, "c", code.file(k)))
	if err != nil {
		t.Fatal(err)
	}
	rewrite(t, path, func([]byte) []byte { return text })
}

func TestTamperingIsNoticedAndMended(t *testing.T) {
	for name, tamper := range tampering(t) {
		t.Run(name, func(t *testing.T) {
			first, dir := newCache(t, Options{})
			a, b := keyOf("a"), keyOf("b")
			put(t, first, a, native)
			put(t, first, b, other)
			tamper(fileOf(dir, a), fileOf(dir, b))

			c := openCache(t, dir, Options{})
			if e, err := c.Get(a); !errors.Is(err, ErrMiss) || e != nil {
				t.Fatalf("got %v, %v; want a miss", e, err)
			}
			if st := c.Stats(); st.Corrupt != 1 || st.Quarantined != 1 || st.Misses != 1 || st.Hits != 0 {
				t.Errorf("%+v", st)
			}
			if moved, _ := filepath.Glob(filepath.Join(dir, ".quarantine", "*"+code.file(a))); len(moved) != 1 {
				t.Errorf("quarantine: %q", moved)
			}
			if _, err := c.Get(a); !errors.Is(err, ErrMiss) || c.Stats().Corrupt != 1 {
				t.Errorf("the second time: %v, %+v", err, c.Stats())
			}
			put(t, c, a, native)
			mended := openCache(t, dir, Options{})
			e, err := mended.Get(a)
			if err != nil {
				t.Fatal(err)
			}
			check(t, e, native)
			// Code in memory has nothing to do with what is on disk.
			if e, err := first.Get(a); err != nil {
				t.Error(err)
			} else {
				check(t, e, native)
			}
		})
	}
}

// A file of the format before, which had no shells, is no damage. What is put takes its place.
func TestAFileOfTheFormerFormatIsAMiss(t *testing.T) {
	first, dir := newCache(t, Options{})
	put(t, first, keyOf("a"), native)
	rewrite(t, fileOf(dir, keyOf("a")), func(d []byte) []byte { return append([]byte(former), d[len(magic):]...) })
	c := openCache(t, dir, Options{})
	for range 2 {
		if e, err := c.Get(keyOf("a")); !errors.Is(err, ErrMiss) || e != nil {
			t.Fatalf("got %v, %v; want a miss", e, err)
		}
	}
	if st := c.Stats(); st.Corrupt != 0 || st.Quarantined != 0 || st.Misses != 2 || st.Files != 1 {
		t.Errorf("%+v", st)
	}
	put(t, c, keyOf("a"), native)
	e, err := openCache(t, dir, Options{}).Get(keyOf("a"))
	if err != nil {
		t.Fatal(err)
	}
	check(t, e, native)
}

func TestAFileOfAnotherVersionIsNotLookedAt(t *testing.T) {
	c, dir := newCache(t, Options{})
	put(t, c, keyOf("a"), native)
	base := keyOf("a")
	again := openCache(t, dir, Options{})
	for name, change := range map[string]func(*Key){
		"module": func(k *Key) { k.Module = keyOf("b").Module }, "wazero": func(k *Key) { k.Wazero = "v1.13.0" },
		"build": func(k *Key) { k.Build = "x" }, "arch": func(k *Key) { k.Arch = "arm64" },
		"cpu": func(k *Key) { k.CPU = "" }, "flags": func(k *Key) { k.Flags = "debug" },
		"shifted": func(k *Key) { k.Build, k.Arch = "buil", "damd64" },
		"quotes":  func(k *Key) { k.Build, k.Arch = `build" arch="amd64`, "" },
	} {
		k := base
		change(&k)
		if k.String() == base.String() {
			t.Errorf("%s: the keys look the same", name)
		}
		if _, err := again.Get(k); !errors.Is(err, ErrMiss) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if st := again.Stats(); st.Corrupt != 0 || st.Misses != 8 {
		t.Errorf("%+v", st)
	}
}

func TestOpenRefusesAnUnsafeDirectory(t *testing.T) {
	base := t.TempDir()
	good, wide, link := filepath.Join(base, "good"), filepath.Join(base, "wide"), filepath.Join(base, "link")
	if err := errors.Join(os.Mkdir(good, 0o700), os.Mkdir(wide, 0o700), os.Chmod(wide, 0o770), os.Symlink(good, link)); err != nil {
		t.Fatal(err)
	}
	dirs := []string{wide, link}
	if os.Geteuid() == 0 {
		foreign := filepath.Join(base, "foreign")
		if err := errors.Join(os.Mkdir(foreign, 0o700), os.Chown(foreign, 12345, -1)); err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, foreign)
	}
	for _, dir := range dirs {
		if _, err := Open(dir, secret, Options{}); !errors.As(err, new(*private.UnsafeError)) || !strings.Contains(err.Error(), dir) {
			t.Errorf("open %s: %v", dir, err)
		}
		if _, err := Secret(dir); !errors.As(err, new(*private.UnsafeError)) {
			t.Errorf("secret of %s: %v", dir, err)
		}
	}
}
