package task

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limits of names, in bytes.
const (
	MaxName        = 253 // of a task's name and of the prefix of a label key
	MaxSlot        = 64
	MaxLabel       = 63 // of a label's value and of the name part of its key
	MaxAnnotations = 256 << 10
)

// Validate returns nil if n follows the rule for names.
func (n Name) Validate() error { return subdomain(string(n)) }

// Validate returns nil if s follows the rule for slots.
func (s Slot) Validate() error {
	switch {
	case s == "":
		return errEmpty
	case s == "." || s == "..":
		return fmt.Errorf("must not be %q", string(s))
	case len(s) > MaxSlot:
		return fmt.Errorf("must be at most %d bytes long, not %d", MaxSlot, len(s))
	case !all(string(s), isLabelByte):
		return fmt.Errorf("%s: must consist of A-Z, a-z, 0-9, '.', '_' and '-'", clip(string(s)))
	}
	return nil
}

// Validate returns nil if n follows the rule for names of runners.
func (n RunnerName) Validate() error {
	switch {
	case n == "":
		return errEmpty
	case len(n) > MaxLabel:
		return fmt.Errorf("must be at most %d bytes long, not %d", MaxLabel, len(n))
	case !isLower(n[0]) || !all(string(n), isDNSByte):
		return fmt.Errorf("%s: must begin with a-z and consist of a-z, 0-9 and '-'", clip(string(n)))
	}
	return nil
}

// Validate returns nil if k could be the kind of a workload: an API version of the form
// group/version, whose group is a DNS name with a dot in it, and a name that begins with a capital.
func (k Kind) Validate() error {
	var e FieldErrors
	k.check(&e, "")
	return e.Err()
}

// check adds what is wrong with k, which is at path.
func (k Kind) check(e *FieldErrors, path string) {
	if err := checkAPIVersion(k.APIVersion); err != nil {
		e.Add(field(path, "apiVersion"), "%v", err)
	}
	if err := checkKindName(k.Name); err != nil {
		e.Add(field(path, "kind"), "%v", err)
	}
}

func checkAPIVersion(s string) error {
	if s == "" {
		return errEmpty
	}
	group, version, found := strings.Cut(s, "/")
	if !found {
		return fmt.Errorf("%s: must be group/version, such as %s", clip(s), APIVersion)
	}
	if err := subdomain(group); err != nil {
		return fmt.Errorf("group %w", err)
	}
	if !strings.Contains(group, ".") {
		return fmt.Errorf("group %s: must be a DNS name with a dot in it, such as %s", clip(group), ReservedGroup)
	}
	if len(version) == 0 || len(version) > MaxLabel || !isLower(version[0]) ||
		version[len(version)-1] == '-' || !all(version, isDNSByte) {
		return fmt.Errorf("version %s: must be 1 to %d of a-z, 0-9 and '-', beginning with a letter, such as v1", clip(version), MaxLabel)
	}
	return nil
}

func checkKindName(s string) error {
	switch {
	case s == "":
		return errEmpty
	case len(s) > MaxLabel:
		return fmt.Errorf("must be at most %d bytes long, not %d", MaxLabel, len(s))
	case s[0] < 'A' || s[0] > 'Z' || !all(s, isAlnum):
		return fmt.Errorf("%s: must begin with a capital and consist of A-Z, a-z and 0-9, such as Subprocess", clip(s))
	}
	return nil
}

// ValidateLabels returns nil if all keys and values of labels follow Kubernetes' rules for labels,
// and otherwise [FieldErrors] whose paths begin with path.
func ValidateLabels(path string, labels map[string]string) error {
	var e FieldErrors
	checkLabels(&e, path, labels)
	return e.Err()
}

func checkLabels(e *FieldErrors, path string, labels map[string]string) {
	for _, key := range sortedKeys(labels) {
		if err := checkLabelKey(key); err != nil {
			e.Add(field(path, key), "%v", err)
		}
		if err := checkLabelValue(labels[key]); err != nil {
			e.Add(field(path, key), "%v", err)
		}
	}
}

// checkLabelKey holds the rule of Kubernetes: an optional DNS name and a slash, then a name.
func checkLabelKey(s string) error {
	prefix, name, found := strings.Cut(s, "/")
	if !found {
		name = s
	} else if err := subdomain(prefix); err != nil {
		return fmt.Errorf("the key's prefix %w", err)
	}
	switch {
	case name == "":
		return errors.New("the key must not be empty")
	case len(name) > MaxLabel:
		return fmt.Errorf("the key's name must be at most %d bytes long, not %d", MaxLabel, len(name))
	case !isLabel(name):
		return errors.New("the key must begin and end with a letter or digit and have only '-', '_' and '.' besides")
	}
	return nil
}

// checkLabelValue holds the rule of Kubernetes. An empty value is one.
func checkLabelValue(s string) error {
	switch {
	case len(s) > MaxLabel:
		return fmt.Errorf("the value must be at most %d bytes long, not %d", MaxLabel, len(s))
	case s != "" && !isLabel(s):
		return fmt.Errorf("the value %s must begin and end with a letter or digit and have only '-', '_' and '.' besides", clip(s))
	}
	return nil
}

var errEmpty = errors.New("must not be empty")

// subdomain holds the rule for DNS-1123 subdomains.
func subdomain(s string) error {
	if s == "" {
		return errEmpty
	}
	if len(s) > MaxName {
		return fmt.Errorf("must be at most %d bytes long, not %d", MaxName, len(s))
	}
	for rest, more := s, true; more; {
		var part string
		part, rest, more = strings.Cut(rest, ".")
		if part == "" || part[0] == '-' || part[len(part)-1] == '-' || !all(part, isDNSByte) {
			return fmt.Errorf("%s: must consist of a-z, 0-9, '-' and '.', with a letter or digit at both ends of each part", clip(s))
		}
	}
	return nil
}

func isLabel(s string) bool {
	return isAlnum(s[0]) && isAlnum(s[len(s)-1]) && all(s, isLabelByte)
}

func isLower(c byte) bool   { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool   { return '0' <= c && c <= '9' }
func isAlnum(c byte) bool   { return isLower(c) || 'A' <= c && c <= 'Z' || isDigit(c) }
func isDNSByte(c byte) bool { return isLower(c) || isDigit(c) || c == '-' }

func isLabelByte(c byte) bool { return isAlnum(c) || c == '.' || c == '_' || c == '-' }

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
