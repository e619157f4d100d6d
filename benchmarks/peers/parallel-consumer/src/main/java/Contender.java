import io.confluent.parallelconsumer.ParallelConsumerOptions;
import io.confluent.parallelconsumer.ParallelConsumerOptions.CommitMode;
import io.confluent.parallelconsumer.ParallelConsumerOptions.ProcessingOrder;
import io.confluent.parallelconsumer.ParallelStreamProcessor;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.IntegerDeserializer;

/** Drains a topic, after one to warm up with, and prints a line of JSON. Arguments are name=value. */
public final class Contender {
  private final Map<String, String> arguments;

  private Contender(Map<String, String> arguments) {
    this.arguments = arguments;
  }

  public static void main(String[] list) {
    Map<String, String> arguments = new HashMap<>();
    for (String argument : list) {
      int equals = argument.indexOf('=');
      arguments.put(argument.substring(0, equals), argument.substring(equals + 1));
    }
    String answer;
    try {
      answer = new Contender(arguments).run();
    } catch (Exception e) {
      answer = "{\"error\": \"" + String.valueOf(e.getMessage()).replaceAll("[^ -!#-\\[\\]-~]", " ") + "\"}";
    }
    System.out.println(answer);
    System.exit(0); // no thread of the library keeps the process
  }

  private String run() throws Exception {
    if (arguments.containsKey("warmUpTopic")) {
      drain("warmUpTopic", "warmUpEnds", "-warm-up");
    }
    Tally tally = drain("topic", "ends", "");
    return String.format("{\"records\": %d, \"elapsed_ns\": %d, \"cpu_ns\": %d}", tally.records, tally.elapsed(), tally.cpu());
  }

  private Tally drain(String topicArgument, String endsArgument, String suffix) throws Exception {
    String topic = arguments.get(topicArgument);
    ProcessingOrder order =
        switch (arguments.get("order")) {
          case "key" -> ProcessingOrder.KEY;
          case "unordered" -> ProcessingOrder.UNORDERED;
          default -> throw new IllegalArgumentException("unknown order " + arguments.get("order"));
        };
    int[] ends = Arrays.stream(arguments.get(endsArgument).split(",")).mapToInt(Integer::parseInt).toArray();
    Tally tally = new Tally(topic, ends, Integer.parseInt(arguments.get("keys")), order == ProcessingOrder.KEY);
    long latency = Long.parseLong(arguments.get("latencyMillis"));
    var options =
        ParallelConsumerOptions.<Integer, byte[]>builder()
            .consumer(consumer(arguments.get("group") + suffix))
            .ordering(order)
            .maxConcurrency(Integer.parseInt(arguments.get("concurrency")))
            .commitMode(CommitMode.PERIODIC_CONSUMER_ASYNCHRONOUS) // the default, and the fastest one
            .build();
    ParallelStreamProcessor<Integer, byte[]> processor = ParallelStreamProcessor.createEosStreamProcessor(options);
    processor.subscribe(List.of(topic));
    processor.poll(context -> handle(tally, context.getSingleConsumerRecord(), latency));
    while (!tally.await()) {
      if (processor.isClosedOrFailed()) {
        throw new IllegalStateException("the processor ended by itself");
      }
    }
    processor.closeDrainFirst();
    tally.check();
    return tally;
  }

  private static void handle(Tally tally, ConsumerRecord<Integer, byte[]> record, long latency) {
    tally.begin(record.partition(), record.offset(), record.key(), record.value().length);
    if (latency > 0) {
      try {
        Thread.sleep(latency);
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
    }
    tally.finish(record.partition(), record.offset(), record.key());
  }

  private KafkaConsumer<Integer, byte[]> consumer(String group) {
    Map<String, Object> properties = new HashMap<>();
    properties.put("bootstrap.servers", arguments.get("bootstrap"));
    properties.put("group.id", group);
    properties.put("auto.offset.reset", "earliest");
    properties.put("enable.auto.commit", false);
    return new KafkaConsumer<>(properties, new IntegerDeserializer(), new ByteArrayDeserializer());
  }
}
