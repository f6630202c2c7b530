package task

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxProblems bounds the problems that are reported of one document.
const maxProblems = 100

// lenient lets the decoder go on after what is to be reported later.
var lenient = jsonv2.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

var (
	errNoObject = errors.New("must be an object")
	errEnough   = errors.New("too many problems")
)

// decodeSlow reads one document in JSON, value by value, to find all problems in one pass; it takes
// exactly what decodeFast takes. Src, if not nil, tells the YAML that the JSON was made from, and
// the problems that were found in it.
func decodeSlow(data []byte, src *yamlSource) (*Task, error) {
	w := &walker{data: data, dec: jsontext.NewDecoder(bytes.NewReader(data), lenient), places: make(map[string]int64), nulls: make(map[string]bool)}
	if src != nil {
		w.found = src.found
	}
	var s submission
	err := w.document(reflect.ValueOf(&s).Elem())
	t := s.task()
	switch {
	case err == nil:
		w.validate(t)
	case !errors.Is(err, errEnough):
		w.found = append(w.found, problem{FieldError{Message: syntaxMessage(data, err)}, int64(len(data))})
	}
	if len(w.found) > 0 {
		return nil, w.report(src)
	}
	return t, nil
}

// A problem is a FieldError with the place in the JSON at which it was found.
type problem struct {
	FieldError
	at int64
}

// A walker fills Go values from JSON and notes every problem on the way. Only syntax stops it.
type walker struct {
	data   []byte
	dec    *jsontext.Decoder
	stack  []step           // the way from the root to the current value
	places map[string]int64 // where each field of a Go type was found, by path
	nulls  map[string]bool  // paths of values that are null
	found  []problem
}

// A step leads from an object or array to one of its values.
type step struct {
	name  string
	index int   // of an array; -1 means a member called name
	at    int64 // where the member's name, or the element, begins
}

// path returns the path of the current value. Paths are made only when they are needed: with long
// names around many values they would be large.
func (w *walker) path() string {
	path := ""
	for _, s := range w.stack {
		if s.index >= 0 {
			path = element(path, s.index)
		} else {
			path = field(path, s.name)
		}
	}
	return path
}

// problem notes a problem of the current value.
func (w *walker) problem(format string, args ...any) {
	at := int64(0)
	if len(w.stack) > 0 {
		at = w.stack[len(w.stack)-1].at
	}
	w.found = append(w.found, problem{FieldError{Path: w.path(), Message: fmt.Sprintf(format, args...)}, at})
}

// enough returns errEnough once more was found than anybody will read.
func (w *walker) enough() error {
	if len(w.found) > 10*maxProblems {
		return errEnough
	}
	return nil
}

// document fills v from the whole input.
func (w *walker) document(v reflect.Value) error {
	if k := w.dec.PeekKind(); k != '{' && k != 0 {
		w.problem("must be a task, which is an object, not %s", kindName(k))
		return w.dec.SkipValue()
	}
	if err := w.value(v); err != nil {
		return err
	}
	switch _, err := w.dec.ReadToken(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	w.problem("must hold one task, not several documents")
	return nil
}

// value fills v, which is zero, from the next value.
func (w *walker) value(v reflect.Value) error {
	kind := w.dec.PeekKind()
	switch v.Interface().(type) {
	case skipped:
		return w.free(MaxDepth)
	case json.RawMessage:
		return w.object(v)
	}
	if kind == 'n' {
		w.nulls[w.path()] = true
		return w.dec.SkipValue()
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return w.text(u)
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		return w.value(v.Elem())
	case reflect.Struct:
		return w.fields(v)
	case reflect.Map:
		return w.entries(v)
	case reflect.Slice:
		return w.elements(v)
	default:
		return w.scalar(v)
	}
}

// is reports whether the next value is of a kind; if not, it skips the value and notes the problem.
func (w *walker) is(want jsontext.Kind) (bool, error) {
	got := w.dec.PeekKind()
	if got == want {
		return true, nil
	}
	if got == 0 {
		return false, w.dec.SkipValue() // which returns the error
	}
	hint := ""
	if want == '"' && (got == '0' || got == 't' || got == 'f') {
		hint = ": put it in quotes"
	}
	if err := w.dec.SkipValue(); err != nil {
		return false, err
	}
	w.problem("must be %s, not %s%s", kindName(want), kindName(got), hint)
	return false, nil
}

// remember keeps the place of the current value for problems that are found later.
func (w *walker) remember() {
	if len(w.places) < 4*MaxPage {
		w.places[w.path()] = w.stack[len(w.stack)-1].at
	}
}

// members calls each for every member of the next value, which should be an object, with the name on
// the stack. Repeated names are noted and their values skipped.
func (w *walker) members(each func(name string) error) error {
	if ok, err := w.is('{'); !ok || err != nil {
		return err
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for w.dec.PeekKind() != '}' {
		at := w.dec.InputOffset()
		name, err := w.name()
		if err != nil {
			return err
		}
		w.stack = append(w.stack, step{name, -1, at})
		if seen[name] {
			w.problem("must be given only once")
			err = w.dec.SkipValue()
		} else {
			seen[name] = true
			err = each(name)
		}
		if err = cmp.Or(err, w.enough()); err != nil {
			return err
		}
		w.stack = w.stack[:len(w.stack)-1]
	}
	_, err := w.dec.ReadToken()
	return err
}

// name reads the name of a member.
func (w *walker) name() (string, error) {
	v, err := w.dec.ReadValue()
	if err != nil {
		return "", err
	}
	if !v.IsValid() {
		w.problem("has a name that is not valid UTF-8")
	}
	name, _ := jsontext.AppendUnquote(nil, v) // invalid bytes become replacement characters
	return string(name), nil
}

// items calls each for every element of the next value, with its index on the stack.
func (w *walker) items(each func() error) error {
	if ok, err := w.is('['); !ok || err != nil {
		return err
	}
	if _, err := w.dec.ReadToken(); err != nil {
		return err
	}
	for i := 0; w.dec.PeekKind() != ']'; i++ {
		w.stack = append(w.stack, step{index: i, at: w.dec.InputOffset()})
		if err := cmp.Or(each(), w.enough()); err != nil {
			return err
		}
		w.stack = w.stack[:len(w.stack)-1]
	}
	_, err := w.dec.ReadToken()
	return err
}

// fields fills a struct.
func (w *walker) fields(v reflect.Value) error {
	return w.members(func(name string) error {
		i := slices.Index(fieldNames(v.Type()), name)
		if i < 0 {
			w.problem("unknown field%s", meant(name, fieldNames(v.Type())))
			return w.free(MaxDepth)
		}
		w.remember()
		return w.value(v.Field(i))
	})
}

// fieldNames returns the names of a struct's fields in JSON, in order. All fields have one.
func fieldNames(t reflect.Type) []string {
	names := make([]string, t.NumField())
	for i := range names {
		names[i], _, _ = strings.Cut(t.Field(i).Tag.Get("json"), ",")
	}
	return names
}

// entries fills a map with strings as keys.
func (w *walker) entries(v reflect.Value) error {
	if w.dec.PeekKind() == '{' {
		v.Set(reflect.MakeMap(v.Type()))
	}
	return w.members(func(name string) error {
		w.remember()
		entry := reflect.New(v.Type().Elem()).Elem()
		err := w.value(entry)
		v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), entry)
		return err
	})
}

// elements fills a slice.
func (w *walker) elements(v reflect.Value) error {
	if w.dec.PeekKind() == '[' {
		v.Set(reflect.MakeSlice(v.Type(), 0, 4))
	}
	return w.items(func() error {
		w.remember()
		entry := reflect.New(v.Type().Elem()).Elem()
		err := w.value(entry)
		v.Set(reflect.Append(v, entry))
		return err
	})
}

// scalar fills a string, number or boolean.
func (w *walker) scalar(v reflect.Value) error {
	want := jsontext.Kind('0')
	if v.Kind() == reflect.String {
		want = '"'
	}
	if ok, err := w.is(want); !ok || err != nil {
		return err
	}
	raw, err := w.dec.ReadValue()
	if err != nil {
		return err
	}
	switch {
	case jsonv2.Unmarshal(raw, v.Addr().Interface()) == nil:
	case want == '"':
		w.problem("must be valid UTF-8")
	case v.CanInt():
		w.problem("must be a whole number in range, not %s", clip(string(raw)))
	default:
		w.problem("must be a number in range, not %s", clip(string(raw)))
	}
	return nil
}

// text fills a value that reads its own text.
func (w *walker) text(u encoding.TextUnmarshaler) error {
	var s string
	found := len(w.found)
	if err := w.scalar(reflect.ValueOf(&s).Elem()); err != nil || len(w.found) > found {
		return err
	}
	if err := u.UnmarshalText([]byte(s)); err != nil {
		w.problem("%v", err)
	}
	return nil
}

// object keeps the next value, an object whose members are not ours, as it is.
func (w *walker) object(v reflect.Value) error {
	switch k := w.dec.PeekKind(); k {
	case 'n':
		return w.dec.SkipValue()
	case '{':
	default:
		_, err := w.is('{')
		return err
	}
	start := w.dec.InputOffset()
	found := len(w.found)
	if err := w.free(MaxDepth); err != nil {
		return err
	}
	if len(w.found) > found {
		return nil
	}
	raw := bytes.TrimLeft(w.data[start:w.dec.InputOffset()], " \t\r\n:")
	raw, _ = compact(bytes.Clone(raw))
	v.SetBytes(raw)
	return nil
}

// free checks a value whose members are not ours, down to so many levels.
func (w *walker) free(levels int) error {
	kind := w.dec.PeekKind()
	if (kind == '{' || kind == '[') && levels == 0 {
		w.problem("%v", errDepth)
		return w.dec.SkipValue()
	}
	switch kind {
	case '{':
		return w.members(func(string) error { return w.free(levels - 1) })
	case '[':
		return w.items(func() error { return w.free(levels - 1) })
	case '"':
		raw, err := w.dec.ReadValue()
		if err == nil && !raw.IsValid() {
			w.problem("must be valid UTF-8")
		}
		return err
	default:
		return w.dec.SkipValue()
	}
}

// validate adds the problems that t has by its values, leaving out those that only follow from one
// already noted.
func (w *walker) validate(t *Task) {
	var all FieldErrors
	errors.As(t.validate(false, true), &all)
	all = append(all, w.zeros(t)...)
	noted := w.found[:len(w.found):len(w.found)]
	for _, e := range all {
		if !slices.ContainsFunc(noted, func(p problem) bool { return follows(e.Path, p.Path) }) {
			w.found = append(w.found, problem{e, w.place(e.Path)})
		}
	}
}

// follows reports whether a problem at path may be nothing but a consequence of one at cause.
func follows(path, cause string) bool {
	if (path == "spec.maxRetries" || path == "spec.restart.interval") && within("spec.restart", cause) {
		return true
	}
	return within(cause, path) || within(path, cause)
}

// within reports whether path is outer or lies within it.
func within(outer, path string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || outer == "" || rest[0] == '.' || rest[0] == '[')
}

// place returns where the value at path is, or where the innermost one around it is.
func (w *walker) place(path string) int64 {
	for path != "" {
		if at, ok := w.places[path]; ok {
			return at
		}
		path = path[:max(0, strings.LastIndexAny(path, ".["))]
	}
	return 0
}

// report returns what was found in the order of the document.
func (w *walker) report(src *yamlSource) FieldErrors {
	for i := range w.found {
		if p := &w.found[i]; src != nil && p.Line == 0 {
			p.Line = src.line(p.at)
		}
	}
	slices.SortStableFunc(w.found, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.at, b.at))
	})
	var all FieldErrors
	for i, p := range w.found {
		if i == maxProblems {
			all.Add("", "and %d more problems", len(w.found)-i)
			break
		}
		all = append(all, p.FieldError)
	}
	return all
}

// syntaxMessage says where data is not JSON.
func syntaxMessage(data []byte, err error) string {
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return fmt.Sprintf("not valid JSON: %v", err)
	}
	at := min(int(syntax.ByteOffset), len(data))
	line := 1 + bytes.Count(data[:at], []byte{'\n'})
	column := at - bytes.LastIndexByte(data[:at], '\n')
	cause := strings.TrimPrefix(syntax.Err.Error(), "jsontext: ")
	return fmt.Sprintf("line %d, column %d: not valid JSON: %s", line, column, cause)
}
