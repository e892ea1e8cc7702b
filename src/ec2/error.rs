//! What can go wrong on the way to the facts.

use std::time::Duration;

/// Why something about the machine is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ec2Error {
    /// Nobody gives credentials for EC2.
    #[error("no credentials for ec2:DescribeTags: {0}; attach an instance role")]
    Credentials(String),
    /// The container agent of ECS did not answer as it should.
    #[error("the container agent of ECS does not say which task this is: {0}")]
    ContainerAgent(String),
    /// The environment forbids to ask the metadata service.
    #[error("AWS_EC2_METADATA_DISABLED is set; unset it or remove ADDEC2METADATA")]
    Disabled,
    /// The identity document is not what it should be.
    #[error("the instance identity document is not JSON: {0}")]
    Document(String),
    /// The metadata service did not answer.
    #[error(
        "no response from the instance metadata service: {0}; in a container, set its hop limit to \
         2"
    )]
    Metadata(String),
    /// There is no container agent of ECS.
    #[error(
        "this is no container of ECS: {0} is not set; take {{ecs.…}} out of ADDFIELDS, or use \
         version 1.39 of the container agent or a newer one"
    )]
    NoContainerAgent(&'static str),
    /// EC2 said no.
    #[error(
        "ec2:DescribeTags failed with status {status}: {reason}; grant ec2:DescribeTags to the \
         instance role"
    )]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The error code, or the beginning of the answer.
        reason: String,
    },
    /// EC2 was not reached, or the request could not be made.
    #[error("cannot call ec2:DescribeTags: {0}")]
    Request(String),
    /// It took too long.
    #[error("no response from ec2:DescribeTags within {} s", .0.as_secs())]
    Timeout(Duration),
    /// EC2's answer is not what it should be.
    #[error("cannot parse the ec2:DescribeTags response: {0}")]
    Xml(String),
}
