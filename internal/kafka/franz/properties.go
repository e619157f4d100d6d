package franz

import (
	"strings"

	"github.com/troupe-go/troupe/internal/kafka/properties"
)

// Faults names the properties among those given that this client does not understand, beside what properties.Check says.
func Faults(given map[string]string) []properties.Fault {
	var faults []properties.Fault
	reasons := refused()
	for name, value := range given {
		reason, refuse := reasons[name]
		if !refuse {
			reason, refuse = refusedValue(name, value)
		}
		if refuse {
			faults = append(faults, properties.Fault{
				Name: name, Message: "is not understood by the franz client: " + reason,
				Suggestion: "remove it, or set client to confluent",
			})
		}
	}
	return faults
}

// refusedValue says why a value is refused of a property that is understood otherwise.
func refusedValue(name, value string) (reason string, refuse bool) {
	value = strings.ToLower(value)
	switch name {
	case "sasl.mechanism", "sasl.mechanisms":
		if !mechanisms()[strings.ToUpper(value)] {
			return "its mechanisms are PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 and OAUTHBEARER", true
		}
	case "sasl.oauthbearer.grant.type":
		return "its only grant is client_credentials", value != "client_credentials"
	case "sasl.oauthbearer.metadata.authentication.type":
		return "it asks a token endpoint only", value != "none"
	case "group.remote.assignor":
		return "its assignors are uniform and range", value != "uniform" && value != "range"
	case "queuing.strategy":
		return "its queue is first in, first out", value != "fifo"
	case "client.dns.lookup":
		return "it uses all addresses of a name", value != "use_all_dns_ips"
	case "api.version.request":
		return "it always asks brokers for their versions", value != "true" && value != "t" && value != "1"
	}
	return "", false
}

func mechanisms() map[string]bool {
	return map[string]bool{"PLAIN": true, "SCRAM-SHA-256": true, "SCRAM-SHA-512": true, "OAUTHBEARER": true}
}

// withoutEffect are properties that are accepted and not heeded, with the reason why that changes nothing that is promised.
func withoutEffect() map[string]string {
	const (
		versions = "the client finds out what brokers speak by asking them"
		tuning   = "it tunes the inside of librdkafka"
		sockets  = "the operating system and Go decide it"
		logging  = "it is about librdkafka's log"
	)
	return map[string]string{
		"api.version.fallback.ms":                  versions,
		"api.version.request":                      versions,
		"api.version.request.timeout.ms":           versions,
		"broker.version.fallback":                  versions,
		"batch.num.messages":                       "batches are bounded by batch.size",
		"broker.address.ttl":                       sockets,
		"client.dns.lookup":                        "all addresses of a name are tried",
		"coordinator.query.interval.ms":            "the coordinator is looked for when it is needed",
		"debug":                                    logging,
		"log.connection.close":                     logging,
		"log.thread.name":                          logging,
		"log_level":                                logging,
		"enable.random.seed":                       tuning,
		"fetch.queue.backoff.ms":                   "a full queue is not waited for: fetching goes on when it has room",
		"message.copy.max.bytes":                   "messages are not copied",
		"metadata.recovery.rebootstrap.trigger.ms": "the bootstrap servers are tried again whenever no broker answers",
		"metadata.recovery.strategy":               "the bootstrap servers are tried again whenever no broker answers",
		"queue.buffering.backpressure.threshold":   tuning,
		"queued.min.messages":                      "what is fetched ahead is bounded by queued.max.messages.kbytes",
		"queuing.strategy":                         "the queue is first in, first out",
		"reconnect.backoff.jitter.ms":              "the pause between attempts follows retry.backoff.ms, with jitter",
		"reconnect.backoff.max.ms":                 "the pause between attempts follows retry.backoff.ms, with jitter",
		"reconnect.backoff.ms":                     "the pause between attempts follows retry.backoff.ms, with jitter",
		"socket.blocking.max.ms":                   sockets,
		"socket.keepalive.enable":                  "connections are kept alive",
		"socket.max.fails":                         "a connection is given up with the first failure",
		"socket.nagle.disable":                     "small requests are never held back",
		"socket.receive.buffer.bytes":              sockets,
		"socket.send.buffer.bytes":                 sockets,
		"sticky.partitioning.linger.ms":            "messages without a key move on with each batch",
		"topic.metadata.refresh.fast.cnt":          tuning,
		"topic.metadata.refresh.sparse":            "only topics that are used are asked about",
	}
}

// refused are properties that this client cannot honour, with the reason.
func refused() map[string]string {
	const (
		kerberos  = "it does not speak Kerberos"
		oauth     = "the only way to get tokens is sasl.oauthbearer.method=oidc with a client id and secret"
		openssl   = "it is about OpenSSL, and this client uses Go's TLS"
		keystore  = "give the certificate and the key as PEM, in ssl.certificate.location and ssl.key.location"
		encrypted = "give the key without encryption, from a file that only this user may read"
	)
	reasons := map[string]string{
		"enable.gapless.guarantee":             "it keeps the order without giving up",
		"enable.sasl.oauthbearer.unsecure.jwt": oauth,
		"sasl.oauthbearer.config":              oauth,
		"sasl.oauthbearer.sub.claim.name":      oauth,
		"ssl.ca.certificate.stores":            "it reads PEM files, or the system's own store when none is named",
		"ssl.cipher.suites":                    openssl,
		"ssl.crl.location":                     "it does not read revocation lists",
		"ssl.curves.list":                      openssl,
		"ssl.engine.id":                        openssl,
		"ssl.engine.location":                  openssl,
		"ssl.key.password":                     encrypted,
		"ssl.keystore.location":                keystore,
		"ssl.keystore.password":                keystore,
		"ssl.providers":                        openssl,
		"ssl.sigalgs.list":                     openssl,
		"topic.blacklist":                      "write the pattern so that it does not match the topic",
	}
	for _, name := range []string{"keytab", "kinit.cmd", "min.time.before.relogin", "principal", "service.name"} {
		reasons["sasl.kerberos."+name] = kerberos
	}
	for _, name := range []string{
		"algorithm", "claim.aud", "claim.exp.seconds", "claim.iss", "claim.jti.include", "claim.nbf.seconds", "claim.sub", "file",
		"jwt.template.file", "private.key.file", "private.key.passphrase", "private.key.pem",
	} {
		reasons["sasl.oauthbearer.assertion."+name] = oauth
	}
	return reasons
}
