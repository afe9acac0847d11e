package io.taskpilot.objects;

import io.taskpilot.config.Secret;
import io.taskpilot.config.TaskPilotConfig;
import java.net.URI;
import java.util.Properties;
import org.gaul.s3proxy.AuthenticationType;
import org.gaul.s3proxy.S3Proxy;
import org.jclouds.ContextBuilder;
import org.jclouds.blobstore.BlobStore;
import org.jclouds.blobstore.BlobStoreContext;

/** A real S3 API on a free port, with one bucket, in memory. */
public final class LocalS3 implements AutoCloseable {
    private final BlobStoreContext context = ContextBuilder.newBuilder("transient")
            .credentials("identity", "credential")
            .overrides(new Properties())
            .build(BlobStoreContext.class);
    private final S3Proxy proxy;

    public LocalS3() throws Exception {
        proxy = S3Proxy.builder()
                .blobStore(context.getBlobStore())
                .endpoint(URI.create("http://127.0.0.1:0"))
                .awsAuthentication(AuthenticationType.AWS_V2_OR_V4, "local-access", "local-secret")
                .build();
        proxy.start();
        while (!proxy.getState().equals("STARTED")) {
            Thread.onSpinWait();
        }
        blobs().createContainerInLocation(null, "taskpilot");
    }

    BlobStore blobs() {
        return context.getBlobStore();
    }

    public URI url() {
        return URI.create("http://127.0.0.1:" + proxy.getPort());
    }

    public TaskPilotConfig.S3 settings() {
        return settings(url(), "taskpilot", "local-secret");
    }

    static TaskPilotConfig.S3 settings(URI url, String bucket, String secret) {
        return new TaskPilotConfig.S3(url, bucket, "us-east-1", new Secret("local-access"), new Secret(secret));
    }

    @Override
    public void close() {
        try {
            proxy.stop();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
        context.close();
    }
}
