package wasi

import (
	"errors"
	"syscall"
)

// An Errno is what a call tells the guest. Its numbers are preview 1's.
type Errno uint16

// The errors that calls return.
const (
	success     Errno = 0
	eAcces      Errno = 2
	eAgain      Errno = 6
	eBadf       Errno = 8
	eFault      Errno = 21
	eIlseq      Errno = 25
	eInval      Errno = 28
	eIO         Errno = 29
	eIsdir      Errno = 31
	eNameTooLon Errno = 37
	eNoent      Errno = 44
	eNosys      Errno = 52
	eNotdir     Errno = 54
	eNotsock    Errno = 57
	eNotsup     Errno = 58
	ePerm       Errno = 63
	eNotcapable Errno = 76
)

// ofSystem holds preview 1's number for each of the system's.
var ofSystem = map[syscall.Errno]Errno{
	syscall.E2BIG: 1, syscall.EACCES: eAcces, syscall.EADDRINUSE: 3, syscall.EADDRNOTAVAIL: 4, syscall.EAFNOSUPPORT: 5,
	syscall.EAGAIN: eAgain, syscall.EALREADY: 7, syscall.EBADF: eBadf, syscall.EBADMSG: 9, syscall.EBUSY: 10,
	syscall.ECANCELED: 11, syscall.ECONNABORTED: 13, syscall.ECONNREFUSED: 14, syscall.ECONNRESET: 15,
	syscall.EDEADLK: 16, syscall.EDESTADDRREQ: 17, syscall.EDQUOT: 19, syscall.EEXIST: 20, syscall.EFAULT: eFault,
	syscall.EFBIG: 22, syscall.EHOSTUNREACH: 23, syscall.EILSEQ: eIlseq, syscall.EINPROGRESS: 26, syscall.EINTR: 27,
	syscall.EINVAL: eInval, syscall.EIO: eIO, syscall.EISCONN: 30, syscall.EISDIR: eIsdir, syscall.ELOOP: 32,
	syscall.EMFILE: 33, syscall.EMLINK: 34, syscall.EMSGSIZE: 35, syscall.ENAMETOOLONG: eNameTooLon, syscall.ENETDOWN: 38,
	syscall.ENETRESET: 39, syscall.ENETUNREACH: 40, syscall.ENFILE: 41, syscall.ENOBUFS: 42, syscall.ENODEV: 43,
	syscall.ENOENT: eNoent, syscall.ENOLCK: 46, syscall.ENOMEM: 48, syscall.ENOPROTOOPT: 50, syscall.ENOSPC: 51,
	syscall.ENOSYS: eNosys, syscall.ENOTCONN: 53, syscall.ENOTDIR: eNotdir, syscall.ENOTEMPTY: 55,
	syscall.ENOTSOCK: eNotsock, syscall.ENOTSUP: eNotsup, syscall.ENOTTY: 59, syscall.ENXIO: 60, syscall.EOVERFLOW: 61,
	syscall.EPERM: ePerm, syscall.EPIPE: 64, syscall.EPROTO: 65, syscall.EPROTONOSUPPORT: 66, syscall.ERANGE: 68,
	syscall.EROFS: 69, syscall.ESPIPE: 70, syscall.ESRCH: 71, syscall.ESTALE: 72, syscall.ETIMEDOUT: 73,
	syscall.ETXTBSY: 74, syscall.EXDEV: 75,
}

// toErrno translates an error of the system. What has no number in preview 1 is EIO.
func toErrno(err error) Errno {
	if err == nil {
		return success
	}
	var errno syscall.Errno
	if errors.As(err, &errno) {
		if e, ok := ofSystem[errno]; ok {
			return e
		}
	}
	return eIO
}
