// Takes records apart with the Kinesis Client Library, which drops those whose hash is not in the
// range of the shard.
//
// Reads lines of key, base64 data, first and last hash of the shard, with tabs between them. Writes
// lines of key and base64 data.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Base64;
import java.util.List;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

public class Deaggregate {
    public static void main(String[] arguments) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line; (line = in.readLine()) != null; ) {
            String[] parts = line.split("\t");
            KinesisClientRecord record = KinesisClientRecord.builder()
                    .partitionKey(parts[0])
                    .data(ByteBuffer.wrap(Base64.getDecoder().decode(parts[1])))
                    .sequenceNumber("1")
                    .approximateArrivalTimestamp(Instant.EPOCH)
                    .build();
            var users = new AggregatorUtil().deaggregate(List.of(record), parts[2], parts[3]);
            for (KinesisClientRecord user : users) {
                byte[] data = new byte[user.data().remaining()];
                user.data().get(data);
                out.println(user.partitionKey() + "\t" + Base64.getEncoder().encodeToString(data));
            }
        }
        out.flush();
    }
}
