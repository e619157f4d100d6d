package embedded

import (
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// User is somebody who may log in with SASL PLAIN.
type User struct {
	Name, Password string
	// Super may do everything. At least one user must be Super.
	Super bool
	// Allow is what the user may do otherwise.
	Allow []Grant
}

// Resource is a kind of thing that a grant is about.
type Resource uint8

// The resources.
const (
	Topic Resource = iota
	Group
	ClusterWide
)

// Operation is what a grant allows.
type Operation uint8

// The operations. Read and Write include Describe.
const (
	Read Operation = iota
	Write
	Describe
	Create
)

// Grant allows one operation on one resource; the name "*" is every one.
type Grant struct {
	Resource  Resource
	Name      string
	Operation Operation
}

func (g Grant) acl() kfake.ACL {
	resources := [...]kmsg.ACLResourceType{
		Topic: kmsg.ACLResourceTypeTopic, Group: kmsg.ACLResourceTypeGroup, ClusterWide: kmsg.ACLResourceTypeCluster,
	}
	operations := [...]kmsg.ACLOperation{
		Read: kmsg.ACLOperationRead, Write: kmsg.ACLOperationWrite,
		Describe: kmsg.ACLOperationDescribe, Create: kmsg.ACLOperationCreate,
	}
	return kfake.ACL{
		Resource: resources[g.Resource], Name: g.Name, Pattern: kmsg.ACLResourcePatternTypeLiteral,
		Operation: operations[g.Operation], Allow: true,
	}
}

func userOptions(users []User) []kfake.Opt {
	if len(users) == 0 {
		return nil
	}
	opts := []kfake.Opt{kfake.EnableSASL(), kfake.EnableACLs()}
	for _, u := range users {
		if u.Super {
			opts = append(opts, kfake.Superuser("PLAIN", u.Name, u.Password))
			continue
		}
		acls := make([]kfake.ACL, 0, len(u.Allow))
		for _, g := range u.Allow {
			acls = append(acls, g.acl())
		}
		opts = append(opts, kfake.User("PLAIN", u.Name, u.Password, acls...))
	}
	return opts
}
