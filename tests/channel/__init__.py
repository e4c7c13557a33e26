# What the books say of replies, by which the endurance knows that some only wait for a limit of Twitter's.
ON_ITS_WAY = "no reply is left on its way"
