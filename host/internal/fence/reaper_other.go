//go:build !linux

package fence

import "errors"

func becomeSubreaper() error { return errors.ErrUnsupported }
