package azure

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

const maxText = 500 // runes of somebody else's words in an error

// causeError is an error in our words that still unwraps to what happened.
type causeError struct {
	text string
	err  error
}

func (e *causeError) Error() string { return e.text }
func (e *causeError) Unwrap() error { return e.err }

// Explain says why no answer came from a host: the cause as a clause without
// any secret, which still unwraps to the original, and what to do about it
// (empty where there is nothing to do, as after a cancellation).
//
//lint:ignore ST1008 the cause is what it finds, not how it fails
func Explain(err error, host string) (cause error, hint string) {
	err = withoutURL(err)
	text, hint := explain(err, host)
	if text == "" {
		text = OneLine(Scrub(err.Error()), maxText)
	}
	return &causeError{text: text, err: err}, hint
}

func explain(err error, host string) (text, hint string) {
	if errors.Is(err, context.Canceled) {
		return "cancelled", ""
	}
	if ce, ok := errors.AsType[*CredentialError](err); ok {
		return ce.Error(), "sign in with `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, or use a key"
	}
	if oe, ok := errors.AsType[*net.OpError](err); ok && oe.Op == "proxyconnect" {
		return "the proxy cannot be reached", "check HTTPS_PROXY and NO_PROXY"
	}
	if de, ok := errors.AsType[*net.DNSError](err); ok {
		if de.IsNotFound {
			return fmt.Sprintf("the host name %s does not exist", host), "check the endpoint, and DNS or the VPN"
		}
		return fmt.Sprintf("the host name %s cannot be looked up", host), "check DNS, the network or the VPN, then try again"
	}
	if text := certificateProblem(err, host); text != "" {
		return text, "where a proxy inspects TLS, install its authority's certificate or name it in SSL_CERT_FILE"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return fmt.Sprintf("%s does not speak TLS", host), "check the endpoint's port, and https or http"
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return host + " refused the connection", "check the endpoint's address and port, and that the service is up"
	}
	if isTimeout(err) {
		return fmt.Sprintf("%s did not answer in time", host), "check the network, a firewall or HTTPS_PROXY, then try again"
	}
	if isLost(err) {
		return fmt.Sprintf("the connection to %s was lost", host), "check the network, then try again"
	}
	return "", "check the endpoint and the network"
}

func certificateProblem(err error, host string) string {
	if he, ok := errors.AsType[x509.HostnameError](err); ok {
		return fmt.Sprintf("the certificate shown by %s is for other names (%s)", host, OneLine(he.Error(), maxText))
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Sprintf("the certificate of %s is signed by an unknown authority", host)
	}
	if ie, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return fmt.Sprintf("the certificate of %s is not valid (%s)", host, OneLine(ie.Error(), maxText))
	}
	if ve, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Sprintf("the certificate of %s cannot be trusted (%s)", host, OneLine(ve.Err.Error(), maxText))
	}
	return ""
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

func isLost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, net.ErrClosed)
}

// IsPermanent reports whether asking again cannot help: the name does not
// exist, the certificate is not trusted, there is no Entra token.
func IsPermanent(err error) bool {
	if de, ok := errors.AsType[*net.DNSError](err); ok && de.IsNotFound {
		return true
	}
	if _, ok := errors.AsType[*CredentialError](err); ok {
		return true
	}
	return certificateProblem(err, "") != ""
}

// IsUnsent reports whether the request provably never reached the service,
// because no connection came to be: repeating it cannot do anything twice.
func IsUnsent(err error) bool {
	if oe, ok := errors.AsType[*net.OpError](err); ok && (oe.Op == "dial" || oe.Op == "proxyconnect") {
		return true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	return certificateProblem(err, "") != ""
}
