import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;

/** Checks and counts what the handlers are handed, as the tally of the contenders in Go does. */
final class Tally {
  final long records;

  private static final int VALUE_BYTES = 100;
  private static final OperatingSystemMXBean SYSTEM = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

  private final String topic;
  private final int[] ends;
  private final boolean ordered;
  private final AtomicLongArray[] done; // by partition, a bit for each offset
  private final AtomicInteger[] left; // by partition
  private final AtomicInteger open = new AtomicInteger(); // partitions with records that are not done
  private final AtomicLongArray keys; // twice the next offset, and one more while a record is being handled
  private final AtomicBoolean begun = new AtomicBoolean();
  private final CountDownLatch over = new CountDownLatch(1);
  private final AtomicReference<String> broken = new AtomicReference<>();
  private volatile long startNanos, startCpu;
  private long endNanos, endCpu;

  Tally(String topic, int[] ends, int keys, boolean ordered) {
    this.topic = topic;
    this.ends = ends;
    this.ordered = ordered;
    this.keys = new AtomicLongArray(keys);
    this.done = new AtomicLongArray[ends.length];
    this.left = new AtomicInteger[ends.length];
    long sum = 0;
    for (int partition = 0; partition < ends.length; partition++) {
      sum += ends[partition];
      done[partition] = new AtomicLongArray(ends[partition] / 64 + 1);
      left[partition] = new AtomicInteger(ends[partition]);
      if (ends[partition] > 0) {
        open.incrementAndGet();
      }
    }
    this.records = sum;
  }

  void begin(int partition, long offset, int key, int valueBytes) {
    if (!begun.get() && begun.compareAndSet(false, true)) {
      startCpu = SYSTEM.getProcessCpuTime();
      startNanos = System.nanoTime();
    }
    if (offset >= ends[partition] || key % ends.length != partition || valueBytes != VALUE_BYTES) {
      fail(topic + "-" + partition + " at offset " + offset + ": key " + key + " or " + valueBytes + " bytes are foreign");
    }
    if (!ordered) {
      return;
    }
    long before = keys.getAndSet(key, 2 * (offset + 1) + 1);
    if (before % 2 == 1) {
      fail(topic + "-" + partition + ": offsets " + (before / 2 - 1) + " and " + offset + " of key " + key + " were handled at once");
    }
    if (before / 2 > offset) {
      fail(topic + "-" + partition + ": offset " + offset + " of key " + key + " was handled after " + (before / 2 - 1));
    }
  }

  void finish(int partition, long offset, int key) {
    if (ordered) {
      keys.set(key, 2 * (offset + 1));
    }
    long bit = 1L << (offset % 64);
    if ((done[partition].getAndAccumulate((int) (offset / 64), bit, (a, b) -> a | b) & bit) != 0) {
      fail(topic + "-" + partition + " at offset " + offset + " was handled twice");
      return;
    }
    if (left[partition].decrementAndGet() == 0 && open.decrementAndGet() == 0) {
      endNanos = System.nanoTime();
      endCpu = SYSTEM.getProcessCpuTime();
      over.countDown();
    }
  }

  private void fail(String message) {
    broken.compareAndSet(null, message);
    over.countDown();
  }

  /** Waits for a while, and says whether all records are done or a promise is broken. */
  boolean await() throws InterruptedException {
    return over.await(1, TimeUnit.SECONDS);
  }

  /** Throws when a promise was broken, also if that was after the last record. */
  void check() {
    if (broken.get() != null) {
      throw new IllegalStateException(broken.get());
    }
  }

  long elapsed() {
    return endNanos - startNanos;
  }

  long cpu() {
    return endCpu - startCpu;
  }
}
