package task

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/big"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"go.yaml.in/yaml/v3"
)

const (
	// maxYAMLNodes bounds what may become a node of a document, before it is parsed: a node costs
	// the parser some 300 bytes for a byte or two of text.
	maxYAMLNodes = 300_000
	// maxExpanded bounds the nodes that aliases and merge keys add to a document.
	maxExpanded = 10_000
	// maxYAMLDepth bounds the nesting of a document; the walker, which knows the fields, is stricter.
	maxYAMLDepth = MaxDepth + 16
)

// splitYAML parses the documents of data that are not empty. It stops once it has found most.
func splitYAML(data []byte, most int) ([]*yaml.Node, error) {
	if countNodes(data) > maxYAMLNodes {
		return nil, FieldErrors{{Message: fmt.Sprintf("has too many lines and separators to be read as YAML, more than %d: write it in JSON", maxYAMLNodes)}}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var docs []*yaml.Node
	for len(docs) < most {
		doc := new(yaml.Node)
		if err := dec.Decode(doc); errors.Is(err, io.EOF) {
			return docs, nil
		} else if err != nil {
			return nil, FieldErrors{yamlProblem(err)}
		}
		if len(doc.Content) == 1 && doc.Content[0].ShortTag() != "!!null" {
			docs = append(docs, doc.Content[0])
		}
	}
	return docs, nil
}

// countNodes returns no less than the number of nodes in data: every node but the first has an
// indicator before it.
func countNodes(data []byte) int {
	n := 0
	for i, c := range data {
		switch c {
		case '[', '{', ',', ':', '\n', '?':
			n++
		case '-':
			if i+1 < len(data) && strings.IndexByte(" \t\r\n-", data[i+1]) >= 0 {
				n++
			}
		}
	}
	return n
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// yamlProblem turns an error of the parser into one of ours.
func yamlProblem(err error) FieldError {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	e := FieldError{Message: "not valid YAML: " + text}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		e.Line, _ = strconv.Atoi(m[1])
		e.Message = "not valid YAML: " + text[len(m[0]):]
	}
	return e
}

// decodeYAML reads one document by way of its JSON.
func decodeYAML(doc *yaml.Node) (*Task, error) {
	src := new(yamlSource)
	if err := src.convert(doc); err != nil {
		return nil, err
	}
	if len(src.found) == 0 {
		if t, err := decodeFast(src.json); err == nil {
			return t, nil
		}
	}
	return decodeSlow(src.json, src)
}

// A yamlSource is a document in YAML, turned into JSON: keys in their order, repeated ones too, and
// numbers as they were written. It remembers the line of every name and value.
type yamlSource struct {
	json     []byte
	places   []yamlPlace // by offset
	found    []problem
	stack    []step
	open     []*yaml.Node // aliases being expanded
	lent     int          // merge keys being expanded
	expanded int          // nodes that aliases and merge keys have added
}

// A yamlPlace says on which line the token at an offset of the JSON stands.
type yamlPlace struct{ offset, line int }

// line returns the line of the first token at or after an offset of the JSON.
func (y *yamlSource) line(offset int64) int {
	i := sort.Search(len(y.places), func(i int) bool { return y.places[i].offset >= int(offset) })
	if i == len(y.places) {
		i--
	}
	if i < 0 {
		return 0
	}
	return y.places[i].line
}

// convert fills y.json. It returns an error where going on would be unsafe; other problems are in
// y.found.
func (y *yamlSource) convert(doc *yaml.Node) error {
	if err := y.value(doc); err != nil {
		w := walker{stack: y.stack}
		return FieldErrors{{Path: w.path(), Message: err.Error(), Line: y.line(int64(len(y.json)))}}
	}
	return nil
}

var errExpansion = fmt.Errorf("aliases and merge keys must not add more than %d values", maxExpanded)

// value appends the JSON of n.
func (y *yamlSource) value(n *yaml.Node) error {
	y.places = append(y.places, yamlPlace{len(y.json), n.Line})
	switch {
	case len(y.json) > MaxDocument:
		return fmt.Errorf("must be at most %d bytes long as JSON", MaxDocument)
	case len(y.stack) > maxYAMLDepth:
		return errDepth
	}
	if len(y.open)+y.lent > 0 {
		if err := y.expand(); err != nil {
			return err
		}
	}
	switch n.Kind {
	case yaml.AliasNode:
		return y.within(n.Alias, func() error { return y.value(n.Alias) })
	case yaml.MappingNode:
		return y.mapping(n)
	case yaml.SequenceNode:
		return y.sequence(n)
	default:
		y.scalar(n)
		return nil
	}
}

// expand counts one more value that is there because of an alias or a merge key.
func (y *yamlSource) expand() error {
	if y.expanded++; y.expanded > maxExpanded {
		return errExpansion
	}
	return nil
}

// within calls f with n, which an alias leads to, marked as open.
func (y *yamlSource) within(n *yaml.Node, f func() error) error {
	if slices.Contains(y.open, n) {
		return errors.New("an alias must not refer to what it is part of")
	}
	if len(y.open) > maxYAMLDepth {
		return errDepth
	}
	y.open = append(y.open, n)
	err := f()
	y.open = y.open[:len(y.open)-1]
	return err
}

func (y *yamlSource) problem(n *yaml.Node, format string, args ...any) {
	w := walker{stack: y.stack}
	e := FieldError{Path: w.path(), Message: fmt.Sprintf(format, args...), Line: n.Line}
	if len(y.found) < 10*maxProblems {
		y.found = append(y.found, problem{e, int64(len(y.json))})
	}
}

func (y *yamlSource) sequence(n *yaml.Node) error {
	y.collection(n, "!!seq")
	y.json = append(y.json, '[')
	for i, c := range n.Content {
		if i > 0 {
			y.json = append(y.json, ',')
		}
		y.stack = append(y.stack, step{index: i})
		if err := y.value(c); err != nil {
			return err
		}
		y.stack = y.stack[:len(y.stack)-1]
	}
	y.json = append(y.json, ']')
	return nil
}

// collection refuses the tags that have no meaning in JSON.
func (y *yamlSource) collection(n *yaml.Node, want string) {
	if tag := n.ShortTag(); tag != want {
		y.problem(n, "has the tag %s, which has no form in JSON", clip(tag))
	}
}

// A pair is one entry of a mapping.
type pair struct {
	name       string
	key, value *yaml.Node
	merged     bool
}

func (y *yamlSource) mapping(n *yaml.Node) error {
	y.collection(n, "!!map")
	pairs, err := y.pairs(n)
	if err != nil {
		return err
	}
	y.json = append(y.json, '{')
	for i, p := range pairs {
		if i > 0 {
			y.json = append(y.json, ',')
		}
		y.places = append(y.places, yamlPlace{len(y.json), p.key.Line})
		y.text(p.name)
		y.json = append(y.json, ':')
		y.stack = append(y.stack, step{name: p.name, index: -1})
		if err := y.entry(p); err != nil {
			return err
		}
		y.stack = y.stack[:len(y.stack)-1]
	}
	y.json = append(y.json, '}')
	return nil
}

// entry appends the value of p; what a merge key brought counts as expanded.
func (y *yamlSource) entry(p pair) error {
	if !p.merged {
		return y.value(p.value)
	}
	y.lent++
	err := y.value(p.value)
	y.lent--
	return err
}

// pairs returns the entries of n: its own, repeated ones too, and then those that merge keys bring
// and that are not there yet.
func (y *yamlSource) pairs(n *yaml.Node) ([]pair, error) {
	var pairs []pair
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.ScalarNode && key.ShortTag() == "!!merge" {
			merges = append(merges, value)
		} else if name, ok := y.name(key); ok {
			pairs = append(pairs, pair{name: name, key: key, value: value})
		}
	}
	if len(merges) == 0 {
		return pairs, nil
	}
	have := make(map[string]bool, len(pairs))
	for _, p := range pairs {
		have[p.name] = true
	}
	for _, m := range merges {
		more, err := y.merge(m)
		if err != nil {
			return nil, err
		}
		for _, p := range more {
			if !have[p.name] {
				have[p.name] = true
				p.merged = true
				pairs = append(pairs, p)
			}
		}
	}
	return pairs, nil
}

// merge returns the entries that the value of a merge key brings; the first of each name counts.
func (y *yamlSource) merge(n *yaml.Node) (pairs []pair, err error) {
	if err := y.expand(); err != nil {
		return nil, err
	}
	switch n.Kind {
	case yaml.AliasNode:
		err = y.within(n.Alias, func() error {
			pairs, err = y.merge(n.Alias)
			return err
		})
	case yaml.MappingNode:
		y.expanded += len(n.Content) / 2
		pairs, err = y.pairs(n)
	case yaml.SequenceNode:
		for _, c := range n.Content {
			more, err := y.merge(c)
			if err != nil {
				return nil, err
			}
			pairs = append(pairs, more...)
		}
	default:
		y.problem(n, "a merge key must have an alias or a mapping as its value")
	}
	return pairs, err
}

// name returns the text of a key. Plain numbers and booleans count as the text they are written as.
func (y *yamlSource) name(key *yaml.Node) (string, bool) {
	if key.Kind == yaml.AliasNode {
		key = key.Alias
	}
	if key.Kind != yaml.ScalarNode || key.ShortTag() == "!!null" {
		y.problem(key, "has a key that is no string")
		return "", false
	}
	return key.Value, true
}

// text appends a string.
func (y *yamlSource) text(s string) {
	var err error
	if y.json, err = jsontext.AppendQuote(y.json, s); err != nil {
		y.json, _ = jsontext.AppendQuote(y.json, strings.ToValidUTF8(s, "\uFFFD"))
	}
}

const quotedStyles = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle | yaml.TaggedStyle

// scalar appends a scalar. Whatever JSON does not know, such as a timestamp, is a string.
func (y *yamlSource) scalar(n *yaml.Node) {
	plain := n.Style&quotedStyles == 0
	switch tag := n.ShortTag(); {
	case plain && isNumber(n.Value):
		y.json = append(y.json, n.Value...)
	case tag == "!!null":
		y.json = append(y.json, "null"...)
	case tag == "!!bool":
		y.boolean(n)
	case tag == "!!int" || tag == "!!float":
		y.number(n)
	default:
		y.text(n.Value)
	}
}

func (y *yamlSource) boolean(n *yaml.Node) {
	switch word := strings.ToLower(n.Value); word {
	case "true", "false":
		y.json = append(y.json, word...)
	default:
		y.problem(n, "must be true or false, not %s", clip(n.Value))
		y.json = append(y.json, "null"...)
	}
}

// number appends a number that is not written as JSON writes it, such as 0x1F, 1_000, +1 or .5.
func (y *yamlSource) number(n *yaml.Node) {
	text := strings.ReplaceAll(n.Value, "_", "")
	if len(text) > MaxLabel { // no such number needs more, and reading it would be slow
		y.problem(n, "must be a number, not %s", clip(n.Value))
		y.json = append(y.json, "null"...)
		return
	}
	if isNumber(text) {
		y.json = append(y.json, text...)
		return
	}
	if i, ok := new(big.Int).SetString(text, 0); ok {
		y.json = i.Append(y.json, 10)
		return
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && isNumber(strconv.FormatFloat(f, 'g', -1, 64)) {
		y.json = strconv.AppendFloat(y.json, f, 'g', -1, 64)
		return
	}
	y.problem(n, "must be a finite number, not %s", clip(n.Value))
	y.json = append(y.json, "null"...)
}

// isNumber reports whether s is a number as JSON writes it.
func isNumber(s string) bool {
	if s == "" || s[0] != '-' && !isDigit(s[0]) || !isDigit(s[len(s)-1]) {
		return false
	}
	return jsontext.Value(s).IsValid()
}
