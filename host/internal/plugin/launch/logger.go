package launch

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// Bounds of what a plugin's log lines put into the host's log.
const (
	logRate    = 500  // lines a second, in the long run
	logBurst   = 2000 // lines at once
	maxMessage = 4 << 10
	maxPairs   = 32
	maxKey     = 64
	maxValue   = 1 << 10
	maxLast    = 512 // of a line among the last words
)

// A Counter is told what became of a plugin's log lines. Its method is called from the goroutines
// that read them and must not block.
type Counter interface {
	LogLine(level string)
	LogDropped(lines int)
}

// A lineLog passes a plugin's lines on to the host's log: those in hclog's JSON form as what they say
// they are, others as text. Lines above the rate are counted and dropped.
type lineLog struct {
	log     hclog.Logger
	count   Counter // may be nil
	last    *tail   // gets every line; may be nil
	unknown hclog.Level
	source  string // what the lines came from, if it is worth telling

	mu       sync.Mutex
	tokens   float64   // guarded by mu; lines that may be logged now
	filled   time.Time // guarded by mu; when tokens was last true
	dropped  int       // guarded by mu; lines since the last report
	panicked bool      // guarded by mu; the lines of a Go panic follow
}

func newLineLog(log hclog.Logger, count Counter, last *tail, unknown hclog.Level, source string) *lineLog {
	return &lineLog{log: log, count: count, last: last, unknown: unknown, source: source, tokens: logBurst}
}

// line handles one line. It never fails, whatever the bytes.
func (l *lineLog) line(text []byte, cut int) {
	if len(bytes.TrimSpace(text)) == 0 {
		return
	}
	allowed, dropped := l.admit(time.Now())
	if !allowed {
		l.remember(string(text))
		return
	}
	l.reportDropped(dropped)
	if e, ok := parseEntry(text); ok && cut == 0 {
		l.entry(e)
		return
	}
	l.text(string(text), cut)
}

// close reports what was dropped at the end.
func (l *lineLog) close() {
	l.mu.Lock()
	dropped := l.dropped
	l.dropped = 0
	l.mu.Unlock()
	l.reportDropped(dropped)
}

// admit takes a token. It returns how many lines were dropped since the last line it let through.
func (l *lineLog) admit(now time.Time) (ok bool, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.filled.IsZero() {
		l.tokens = min(logBurst, l.tokens+now.Sub(l.filled).Seconds()*logRate)
	}
	l.filled = now
	if l.tokens < 1 {
		l.dropped++
		return false, 0
	}
	l.tokens--
	// A report for every line that gets through in a flood would be a flood itself.
	if l.dropped > 0 && l.tokens > logRate/10 || l.dropped >= 10*logRate {
		dropped, l.dropped = l.dropped, 0
	}
	return true, dropped
}

func (l *lineLog) reportDropped(n int) {
	if n == 0 {
		return
	}
	l.log.Warn("plugin logs too fast, lines were dropped", "lines", n)
	if l.count != nil {
		l.count.LogDropped(n)
	}
}

func (l *lineLog) remember(line string) {
	if l.last != nil {
		l.last.add(escape(line, maxLast))
	}
}

func (l *lineLog) write(level hclog.Level, message string, pairs ...any) {
	l.log.Log(level, message, pairs...)
	if l.count != nil {
		l.count.LogLine(level.String())
	}
}

func (l *lineLog) text(line string, cut int) {
	l.remember(line)
	level, pairs := l.level(line), []any(nil)
	if l.source != "" {
		pairs = append(pairs, "source", l.source)
	}
	if cut > 0 {
		pairs = append(pairs, "cut", cut)
	}
	l.write(level, escape(line, maxMessage), pairs...)
}

// level guesses how important a line of plain text is.
func (l *lineLog) level(line string) hclog.Level {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, level := range map[string]hclog.Level{
		"[TRACE]": hclog.Trace, "[DEBUG]": hclog.Debug, "[INFO]": hclog.Info, "[WARN]": hclog.Warn, "[ERROR]": hclog.Error,
	} {
		if strings.HasPrefix(line, name) {
			return level
		}
	}
	if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
		l.panicked = true
	}
	if l.panicked {
		return hclog.Error
	}
	return l.unknown
}

func (l *lineLog) entry(e entry) {
	l.mu.Lock()
	l.panicked = false
	l.mu.Unlock()
	words := "[" + strings.ToUpper(e.level.String()) + "] " + e.message
	for i := 0; i+1 < len(e.pairs); i += 2 {
		words += " " + e.pairs[i].(string) + "=" + e.pairs[i+1].(string)
	}
	l.remember(words)
	l.write(e.level, e.message, e.pairs...)
}

// An entry is a line in hclog's JSON form.
type entry struct {
	level   hclog.Level
	message string
	pairs   []any // strings, in turn key and value
}

// parseEntry reads a line in hclog's JSON form. Anything else, down to a message that is no string,
// is not one.
func parseEntry(line []byte) (entry, bool) {
	if len(line) == 0 || line[0] != '{' {
		return entry{}, false
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(line, &fields) != nil {
		return entry{}, false
	}
	var message, level string
	if json.Unmarshal(fields["@message"], &message) != nil || json.Unmarshal(fields["@level"], &level) != nil {
		return entry{}, false
	}
	e := entry{level: hclog.LevelFromString(level), message: escape(message, maxMessage)}
	if e.level < hclog.Trace || e.level > hclog.Error {
		e.level = hclog.Info
	}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if strings.HasPrefix(key, "@") && key != "@module" {
			continue
		}
		if len(e.pairs) >= 2*maxPairs {
			break
		}
		e.pairs = append(e.pairs, escape(strings.TrimPrefix(key, "@"), maxKey), value(fields[key]))
	}
	return e, true
}

// value renders a JSON value: a string as it is, all else as JSON.
func value(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return escape(s, maxValue)
	}
	return escape(string(raw), maxValue)
}
