package workload

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Size is a number of bytes. In JSON it is a whole number, or a text such as 64MiB.
type Size int64

var units = []struct {
	name  string
	bytes int64
}{{"GiB", 1 << 30}, {"Gi", 1 << 30}, {"MiB", 1 << 20}, {"Mi", 1 << 20}, {"KiB", 1 << 10}, {"Ki", 1 << 10}, {"", 1}}

var errSize = errors.New("want a number of bytes, or a text such as 64MiB with KiB, MiB or GiB")

// UnmarshalJSON reads both forms.
func (s *Size) UnmarshalJSON(b []byte) error {
	var text string
	if len(b) > 0 && b[0] == '"' {
		if err := json.Unmarshal(b, &text); err != nil {
			return err
		}
	} else {
		text = string(b)
	}
	for _, u := range units {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(digits), 10, 62)
		if err != nil || int64(n) > (1<<62)/u.bytes {
			break
		}
		*s = Size(int64(n) * u.bytes)
		return nil
	}
	return fmt.Errorf("%s is not a size: %w", clip(b), errSize)
}

// String returns s with the largest unit that leaves a whole number.
func (s Size) String() string {
	for _, u := range units {
		if strings.HasSuffix(u.name, "iB") && s != 0 && int64(s)%u.bytes == 0 {
			return strconv.FormatInt(int64(s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

func clip(b []byte) string {
	const most = 40
	if len(b) > most {
		return string(b[:most]) + "..."
	}
	return string(b)
}
