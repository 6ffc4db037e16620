package blobstore

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
)

// errCustomerKey says that a link is of no use.
var errCustomerKey = errors.New("a vault with a customer_key hands out no links to objects: who follows one does not have the key")

// encryption reads the customer's key and the scope.
func (s *Store) encryption(o Options) error {
	if o.EncryptionScope != "" {
		s.scope = &blob.CPKScopeInfo{EncryptionScope: &o.EncryptionScope}
	}
	text := o.CustomerKey.Reveal()
	if text == "" {
		return nil
	}
	key, err := base64.StdEncoding.DecodeString(text) // the error may quote it
	switch {
	case err != nil || len(key) != 32:
		return errors.New("the vault's customer_key must be 32 random bytes in base64; openssl rand -base64 32 makes one")
	case s.scope != nil:
		return errors.New("the vault has both a customer_key and an encryption_scope; leave one out")
	case s.where.account.Scheme != "https":
		return fmt.Errorf("the vault's customer_key goes with every request, and %s is not https", s.where)
	}
	sum := sha256.Sum256(key)
	digest := base64.StdEncoding.EncodeToString(sum[:])
	algorithm := blob.EncryptionAlgorithmTypeAES256
	s.cpk = &blob.CPKInfo{EncryptionAlgorithm: &algorithm, EncryptionKey: &text, EncryptionKeySHA256: &digest}
	return nil
}

// properties are the options of Get Blob Properties.
func (s *Store) properties() *blob.GetPropertiesOptions {
	return &blob.GetPropertiesOptions{CPKInfo: s.cpk}
}
