package franz

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// leave ends the membership and tells the group so. The library's own way acknowledges a revoke that waits for the owner,
// sits out a rebalance, and leaves out the name of a static member of the consumer protocol, which brokers refuse. In these
// cases the member is killed instead, and another client says that it has left.
func (m *member) leave(ctx context.Context) {
	m.leaving.Store(true)
	group := &m.consumer.group
	if m.parked.Load() == 0 && (!group.consumer || group.instance == "") {
		grace, cancel := context.WithTimeout(ctx, leaveGrace)
		err := m.client.LeaveGroupContext(grace)
		cancel()
		if err == nil || broker(err) != nil { // the group has answered: it does not know this member any more
			m.kill()
			return
		}
	}
	id, _ := m.client.GroupMetadata()
	m.kill()
	if err := m.sayGoodbye(ctx, id); err != nil {
		m.consumer.logger.Debug("the group does not know that this member has left, and waits for its session to end",
			"group", group.id, "error", err)
	}
}

// sayGoodbye tells the coordinator that the member has left. A static member is to keep its partitions until it is back,
// so in the classic protocol nothing is said of it, unless others wait for what it has given back.
func (m *member) sayGoodbye(ctx context.Context, id string) error {
	c := m.consumer
	switch {
	case id == "":
		return nil
	case c.group.consumer:
		err := m.leaveConsumerGroup(ctx, id)
		if !errors.Is(err, kerr.UnsupportedVersion) && !errors.Is(err, kerr.GroupIDNotFound) {
			return err
		}
	case c.group.instance != "" && !m.owed.Load():
		return nil
	}
	request := kmsg.NewPtrLeaveGroupRequest()
	request.Group, request.MemberID = c.group.id, id
	one := kmsg.NewLeaveGroupRequestMember()
	one.MemberID, one.InstanceID = id, instance(c.group.instance)
	request.Members = append(request.Members, one)
	response, err := request.RequestWith(ctx, c.reader)
	if err != nil {
		return err
	}
	return known(kerr.ErrorForCode(response.ErrorCode))
}

// The epochs with which a member of the consumer protocol leaves.
const (
	epochLeft   = -1
	epochAbsent = -2 // a static member, which is expected back
)

func (m *member) leaveConsumerGroup(ctx context.Context, id string) error {
	c := m.consumer
	request := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	request.Group, request.MemberID, request.MemberEpoch = c.group.id, id, epochLeft
	request.RebalanceTimeoutMillis = -1
	if c.group.instance != "" {
		request.InstanceID, request.MemberEpoch = instance(c.group.instance), epochAbsent
	}
	response, err := request.RequestWith(ctx, c.reader)
	if err != nil {
		return err
	}
	return known(kerr.ErrorForCode(response.ErrorCode))
}

// known forgives that the group has forgotten the member already.
func known(err error) error {
	if errors.Is(err, kerr.UnknownMemberID) {
		return nil
	}
	return err
}

func instance(id string) *string {
	if id == "" {
		return nil
	}
	return &id
}
