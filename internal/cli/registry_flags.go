package cli

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/troupe-go/troupe/codec/registry"
)

// What may be told of a registry without showing it in the list of processes.
const (
	registryPasswordVariable = "TROUPE_REGISTRY_PASSWORD"
	registryTokenVariable    = "TROUPE_REGISTRY_TOKEN"
)

// passwordBytesMax bounds a file with a password.
const passwordBytesMax = 64 << 10

// registryFlags name a schema registry and how to log in there.
type registryFlags struct {
	urls         []string
	username     string
	passwordFile string
	tokenFile    string
	tls          registry.TLS
}

func addRegistryFlags(cmd *cobra.Command) *registryFlags {
	f := &registryFlags{}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.urls, "registry", nil, "URL of the schema registry; several nodes of one are separated by commas")
	flags.StringVar(&f.username, "registry-username", "", "user of the registry; the password is in "+registryPasswordVariable+
		" unless a file is named")
	flags.StringVar(&f.passwordFile, "registry-password-file", "", "file with that user's password")
	flags.StringVar(&f.tokenFile, "registry-token-file", "", "file with a bearer token; without a user, "+registryTokenVariable+
		" may hold it instead")
	flags.StringVar(&f.tls.CAFile, "registry-ca", "", "file with the authorities that may sign the registry's certificate")
	flags.StringVar(&f.tls.CertFile, "registry-cert", "", "file with the certificate to show to the registry")
	flags.StringVar(&f.tls.KeyFile, "registry-key", "", "file with that certificate's key")
	return f
}

func (f *registryFlags) given() bool {
	return len(f.urls) > 0 || f.username != "" || f.passwordFile != "" || f.tokenFile != "" || f.tls != registry.TLS{}
}

// open makes a resolver for a command with that timeout. What is wrong with the flags is misuse.
func (f *registryFlags) open(a *app, timeout time.Duration) (*registry.Resolver, error) {
	config := registry.Config{
		URLs: f.urls, Username: f.username, BearerTokenFile: f.tokenFile, TLS: f.tls,
		Timeout: min(timeout, registryRequestMax), LatestTTL: registryLatestTTL,
		LookupTimeout: 2 * timeout, // who asks gives up first, and says so
	}
	if len(f.urls) == 0 {
		return nil, misuse(errors.New("--registry is missing, like http://localhost:8081"))
	}
	var err error
	switch {
	case f.passwordFile != "" && f.username == "":
		err = errors.New("--registry-password-file needs --registry-username")
	case f.username != "" && f.tokenFile != "":
		err = errors.New("--registry-username and --registry-token-file exclude one another")
	case f.passwordFile != "":
		config.Password, err = readPassword(f.passwordFile)
	case f.username != "":
		password, set := a.env(registryPasswordVariable)
		if !set {
			err = fmt.Errorf("the password of --registry-username is missing: name a file with --registry-password-file, or set %s",
				registryPasswordVariable)
		}
		config.Password = registry.Secret(password)
	case f.tokenFile == "":
		token, _ := a.env(registryTokenVariable)
		config.BearerToken = registry.Secret(token)
	}
	if err != nil {
		return nil, misuse(err)
	}
	resolver, err := registry.New(config)
	return resolver, misuse(err)
}

const (
	// registryRequestMax bounds one request, so that there is time for another.
	registryRequestMax = 5 * time.Second
	// registryLatestTTL is longer than any command: what it writes is written by one schema, whatever is registered meanwhile.
	registryLatestTTL = 365 * 24 * time.Hour
)

func readPassword(file string) (registry.Secret, error) {
	info, err := os.Stat(file)
	if err != nil {
		return "", unread(file, err)
	}
	if !info.Mode().IsRegular() || info.Size() > passwordBytesMax {
		return "", fmt.Errorf("%s is not a file of at most %d bytes", file, passwordBytesMax)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", unread(file, err)
	}
	return registry.Secret(strings.TrimRight(string(text), "\r\n")), nil
}
